/**
 * One hospital: a machine with its disk, its clock and its line; the site's program, started again whenever it ends, as a machine does; and its
 * data owner, who joins, approves, and may think again.
 */
import { join } from 'node:path'
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { openSite, runSite, type SiteOptions } from '@wardround/site/agent.ts'
import { decide, offeredStudies } from '@wardround/site/approvals.ts'
import { isJoined } from '@wardround/site/identity.ts'
import { joinNetwork } from '@wardround/site/join.ts'
import type { Trouble } from './file-system.ts'
import { folderOf, type MachineOptions, type Started, siteMachine } from './machine.ts'

export type HospitalOptions = MachineOptions & {
  /** Something has ended as no fault explains. */
  readonly failed: (problem: string) => void
}

export type Hospital = {
  readonly name: string
  /** Joins and has its program running; again and again, until it works. */
  join(token: string): Promise<void>
  /** The data owner's word, until the coordinator has it. */
  decide(study: string, decision: 'approved' | 'refused'): Promise<void>
  kill(): void
  powerCut(): void
  setTrouble(trouble: Trouble | undefined): void
  setCut(cut: boolean): void
  setClock(offsetMs: number): void
  /** Nothing is left to decide about. */
  studyIsOver(): void
  stop(): void
}

export function hospital(options: HospitalOptions): Hospital {
  const { seed, name, scheduler, disk, line, tally } = options
  const random = seededRandom([seed, 'hospital', name])
  const folder = folderOf(name)
  const stopped = new AbortController()
  const machine = siteMachine(options, random, stopped.signal)
  let isOver = false
  let running: Started | undefined
  const explained = ({ process, death }: Started, error: unknown, what: string): void => {
    if (process.dead() && death !== undefined) tally.count(death.powerCut ? 'sitePowerCutAtStep' : 'siteKilledAtStep')
    if (!process.dead() && !isOfThisWorld(error)) options.failed(`${what}: ${told(error)}`)
  }
  /** Something that a person does, until it works. */
  const persistently = async (work: (options: SiteOptions) => Promise<void>): Promise<void> => {
    while (!stopped.signal.aborted) {
      const own = machine.start()
      try {
        return await work(own.options)
      } catch (error) {
        explained(own, error, "a person's step failed")
      } finally {
        own.process.kill()
      }
      await scheduler.park(`${name}'s owner waits`, 1000 + random.below(20_000), stopped.signal)
    }
  }
  const live = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      running = machine.start()
      const own = running
      try {
        await runSite(own.options)
        if (!stopped.signal.aborted && !own.process.dead()) options.failed('the program ended by itself')
      } catch (error) {
        explained(own, error, 'the program ended')
      }
      own.process.kill()
      await scheduler.park(`${name} is down`, 500 + random.below(60_000), stopped.signal)
    }
  }
  return {
    name,
    async join(token) {
      await persistently(async (site) => {
        const { network } = site
        if (network !== undefined) await joinNetwork({ ...site, token, network })
      })
      void live()
    },
    decide: (id, decision) =>
      persistently(async (given) => {
        if (isOver) return
        if (!isJoined(given.disk, folder)) throw notYet('not joined')
        await decideOnce(given, { id, decision, isOver: () => isOver })
      }),
    kill() {
      if (running?.process.dead() === false) tally.count('siteKilled')
      running?.process.kill()
    },
    powerCut() {
      tally.count('sitePowerCut')
      disk.powerCut()
    },
    setTrouble: disk.setTrouble,
    setCut: line.setCut,
    setClock: machine.setClock,
    studyIsOver: () => {
      isOver = true
    },
    stop: () => stopped.abort('stopped'),
  }
}

type Decision = { readonly id: string; readonly decision: 'approved' | 'refused'; readonly isOver: () => boolean }

async function decideOnce(given: SiteOptions, { id, decision, isOver }: Decision): Promise<void> {
  const site = await openSite(given)
  try {
    const offer = (await offeredStudies(site)).find((one) => one.id === id)
    if (offer === undefined && isOver()) return
    if (offer === undefined) throw notYet('not offered yet')
    site.errand({ study: offer.id, planHash: offer.planHash })
    await decide(offer, decision, { ...site, site: site.membership.site })
  } finally {
    await site.close()
  }
}

const notYet = (reason: string): WardroundError => new WardroundError('WR_UNREACHABLE', { url: '', reason })

/** What a bad disk or a bad line explains, and starting again mends. */
function isOfThisWorld(error: unknown): boolean {
  const { code, retry } = asWardroundError(error)
  return retry !== 'permanent' || code === 'WR_PERMISSION' || code === 'WR_LOCKED'
}

function told(error: unknown): string {
  const { code, parameters, cause, stack } = asWardroundError(error)
  return `${code} ${JSON.stringify(parameters)} ${stack} ${cause instanceof Error ? cause.stack : ''}`
}

export const journalOf = (site: string): string => join(folderOf(site), 'journal.ndjson')
export const grantOf = (site: string, study: string): string => join(folderOf(site), 'studies', study, 'grant.json')
