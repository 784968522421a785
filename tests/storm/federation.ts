/** All that a storm is about, put together: one coordinator, its hospitals, and what looks at them. */
import { createHash } from 'node:crypto'
import { openStore, type Store } from '@wardround/coordinator/store/store.ts'
import type { HttpRequest } from '@wardround/core/ports.ts'
import { newKeyPair } from '@wardround/core/protocol/signing.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { crashBlobs } from './blobs.ts'
import type { Bugs } from './bugs.ts'
import { auditHolds, journalHolds } from './check/chains.ts'
import { type Check, look, violation } from './check/check.ts'
import { countedOnce, settledBy } from './check/counted.ts'
import { neededBlobsStay, othersAreGone } from './check/kept.ts'
import { phasesGoForward } from './check/phases.ts'
import { weightsAreTheReference } from './check/weights.ts'
import { wireIsKnown } from './check/wire.ts'
import { type CoordinatorLives, coordinatorLives } from './coordinator.ts'
import { simulatedDisk } from './disk.ts'
import type { Faults } from './faults.ts'
import { grantOf, type Hospital, hospital, journalOf } from './hospital.ts'
import { simulatedLine } from './line.ts'
import { seededEntropy } from './machine.ts'
import type { Scheduler } from './scheduler.ts'
import { cheapSignatures } from './signatures.ts'
import { type StormStudy, studyIdOf, trainingRows } from './study.ts'
import type { Tally } from './tally.ts'

export type Given = {
  readonly seed: number
  readonly scheduler: Scheduler
  readonly faults: Faults
  readonly tally: Tally
  readonly study: StormStudy
  readonly bugs: Bugs
}

export type StormFederation = {
  readonly secret: string
  readonly store: Store
  readonly coordinator: CoordinatorLives
  readonly hospitals: readonly Hospital[]
  setCoordinatorClock(offsetMs: number): void
  /** What has been found that must never be, in order. */
  readonly problems: readonly Error[]
  failed(error: unknown): void
  /** Looks at everything that has changed since the last time. Throws what must never be. */
  lookAround(): Promise<void>
  /** Looks at what is left when nothing goes on any more. Throws what must not be. */
  lookBack(): Promise<void>
}

const secret = 's'.repeat(43)

export async function federation(given: Given): Promise<StormFederation> {
  const { seed, scheduler, tally, study, bugs } = given
  const problems: Error[] = []
  const thanked = new Set<string>()
  const failed = (error: unknown): void => void problems.push(error instanceof Error ? error : new Error(String(error)))
  const told = (who: string) => (problem: string) => failed(violation(who, problem))
  let offsetMs = 0
  let changed = true
  const newClock = () => scheduler.clock('the coordinator', () => offsetMs)
  const clock = newClock()
  const store = await openStore({ kind: 'sqlite', path: ':memory:' }, () => new Date(clock.now()).toISOString())
  await store.addAccount({ name: 'researcher', secret_sha256: createHash('sha256').update(secret).digest('hex') })
  const blobs = crashBlobs(seededRandom([seed, 'blobs']), tally)
  const world = { entropy: seededEntropy(seed, 'coordinator'), ed25519: cheapSignatures }
  const coordinator = coordinatorLives({
    ...given,
    world,
    clock: newClock,
    store: bugs.store(store),
    blobs,
    keys: newKeyPair(world.ed25519, world.entropy),
    touched: () => {
      changed = true
    },
    failed: told('the coordinator'),
  })
  const places = study.sites.map((name) => place({ ...given, name, coordinator, thanked, failed, told: told(name) }))
  const checks: readonly Check[] = [
    phasesGoForward(),
    countedOnce(thanked),
    auditHolds(),
    neededBlobsStay(),
    weightsAreTheReference(trainingRows),
  ]
  return {
    secret,
    store,
    coordinator,
    hospitals: places.map(({ own }) => own),
    setCoordinatorClock: (next) => {
      offsetMs = next
    },
    problems,
    failed,
    async lookAround() {
      for (const { lookAgain } of places) lookAgain()
      if (!changed) return
      changed = false
      const seen = await look({ store, blobs: blobs.blobs, parsed: study.parsed })
      if (seen !== undefined) for (const check of checks) await check(seen)
    },
    async lookBack() {
      const seen = await look({ store, blobs: blobs.blobs, parsed: study.parsed })
      if (seen !== undefined) await othersAreGone(seen)
    },
  }
}

type Place = Given & {
  readonly name: string
  readonly coordinator: CoordinatorLives
  readonly thanked: Set<string>
  readonly failed: (error: unknown) => void
  readonly told: (problem: string) => void
}

/** A hospital with all that is its own, and those who look at it. */
function place({ name, coordinator, thanked, failed, told, ...given }: Place) {
  const { seed, tally, study } = given
  let touched = true
  const disk = simulatedDisk(seededRandom([seed, 'disk', name]), tally, {
    touched: () => {
      touched = true
    },
    powerIsCut: () => journal.powerCut(),
  })
  const certain = (): Uint8Array | undefined => disk.certain(journalOf(name))
  const grant = (): Uint8Array | undefined => disk.disk.read(grantOf(name, studyIdOf(study)))
  const journal = journalHolds(name, certain)
  const isKnown = wireIsKnown({ site: name, journal: certain, grant, planHash: study.parsed.planHash })
  const line = simulatedLine({
    ...given,
    name,
    coordinator,
    thanked: (request) => {
      const task = settledBy(request)
      if (task !== undefined) thanked.add(task)
    },
  })
  const wire = (request: HttpRequest): void => {
    try {
      isKnown(request)
    } catch (error) {
      // Not to whoever sends it, who would take it for a broken line.
      failed(error)
    }
  }
  const own = hospital({ ...given, name, disk, line, ed25519: cheapSignatures, wire, failed: told })
  const lookAgain = (): void => {
    if (touched) journal.look()
    touched = false
  }
  return { own, lookAgain }
}
