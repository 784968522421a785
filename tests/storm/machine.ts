/** A hospital's machine: what each process on it works with, and when it dies. */
import type { Clock, Ed25519, Entropy, HttpRequest } from '@wardround/core/ports.ts'
import { type Random, seededRandom } from '@wardround/core/random.ts'
import type { SiteOptions } from '@wardround/site/agent.ts'
import { parseConfig } from '@wardround/site/config.ts'
import type { Bugs } from './bugs.ts'
import type { SimulatedDisk } from './disk.ts'
import type { Faults } from './faults.ts'
import type { SimulatedLine } from './line.ts'
import type { DiskDeath, Process } from './process.ts'
import type { Scheduler } from './scheduler.ts'
import { datasetOf, type StormStudy } from './study.ts'
import type { Tally } from './tally.ts'
import { stormTrainer } from './trainer.ts'

export type MachineOptions = {
  readonly seed: number
  readonly name: string
  readonly scheduler: Scheduler
  readonly faults: Faults
  readonly tally: Tally
  readonly disk: SimulatedDisk
  readonly line: SimulatedLine
  readonly ed25519: Ed25519
  readonly study: StormStudy
  readonly bugs: Bugs
  /** Sees each request as it leaves. */
  readonly wire: (request: HttpRequest) => void
}

/** A process, what it works with, and the death that waits for it. */
export type Started = {
  readonly process: Process
  readonly options: SiteOptions
  readonly death: DiskDeath | undefined
}

export const folderOf = (site: string): string => `/${site}`
export const version = '0.1.0'
const config = parseConfig('data: { file: none.csv }\npolicy: { minimumCohort: 3 }', 'site.yaml')

export function siteMachine(given: MachineOptions, random: Random, stopped: AbortSignal) {
  const { seed, name, scheduler, faults, disk, line, study, bugs, wire } = given
  let offsetMs = 0
  const newClock = (): Clock => scheduler.clock(name, () => offsetMs)
  const folder = folderOf(name)
  const always = {
    folder,
    config,
    dataFolder: folder,
    dataset: datasetOf(name),
    pieceBytes: study.pieceBytes,
    // Half of them listen while they are at work.
    ...(seededRandom([seed, 'at once', name]).below(2) === 0 ? {} : { atOnce: 1 }),
    trainer: stormTrainer(newClock(), seededRandom([seed, 'training', name]), study.trainingMs),
    entropy: seededEntropy(seed, name),
    ed25519: given.ed25519,
    version,
    log: (level: string, message: string) => scheduler.note(`${name} says ${level} ${message}`),
  }
  return {
    setClock: (next: number): void => {
      offsetMs = next
    },
    start(): Started {
      const gone = new AbortController()
      const process = disk.process(() => {
        scheduler.note(`a process of ${name} ends`)
        gone.abort('died')
      })
      const death = scheduler.elapsedMs() < faults.endMs ? drawDeath(faults, random) : undefined
      if (death !== undefined) process.dieAt(death)
      stopped.addEventListener('abort', () => gone.abort('stopped'), { signal: gone.signal })
      const network = line.network({ gone: gone.signal, sending: wire })
      const own = { clock: newClock(), disk: bugs.disk(process.disk), signal: gone.signal, network }
      return { process, death, options: { ...always, ...own } }
    },
  }
}

function drawDeath(faults: Faults, random: Random): DiskDeath | undefined {
  const powerCut = random.below(2) === 0
  if (random.below(2) === 0 || (powerCut ? faults.sitePowerCut : faults.siteKill) === undefined) return undefined
  const when = (['before', 'during', 'after'] as const)[random.below(3)] ?? 'during'
  return { at: 1 + random.below(60), when, powerCut }
}

export function seededEntropy(seed: number, name: string): Entropy {
  const random = seededRandom([seed, 'entropy', name])
  return (sizeBytes) => Uint8Array.from({ length: sizeBytes }, () => random.uint32() & 255)
}
