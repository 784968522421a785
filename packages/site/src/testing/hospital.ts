/** A hospital for tests: a joined site in a temporary folder, forty patients, and a study that its owner has approved. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { splitSpecs } from '@wardround/core/graph/network.ts'
import type { Clock, Network } from '@wardround/core/ports.ts'
import { type Preparation, preparedInputs } from '@wardround/core/preparation/schema.ts'
import { canonicalJson, sha256Hex } from '@wardround/core/protocol/canonical.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import type { BlobRef, Task } from '@wardround/core/protocol/task.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { encodeWeights } from '@wardround/core/safetensors.ts'
import { sizeOf, type Weights } from '@wardround/core/weights.ts'
import { type OpenSite, openSite, type SiteOptions } from '../agent.ts'
import { decide, offeredStudies } from '../approvals.ts'
import { parseConfig } from '../config.ts'
import { joinNetwork } from '../join.ts'
import { realDisk } from '../real-disk.ts'
import type { Trainer } from '../training/trainer.ts'
import { type FakeCoordinator, fakeCoordinator } from './fake-coordinator.ts'
import { ed25519 } from './keys.ts'

/** Time that passes only while somebody sleeps. */
export function testClock(): Clock & { slept: number[]; set(byMs: number): void } {
  let now = Date.UTC(2026, 0, 1)
  /** What somebody has set it by. */
  let setMs = 0
  const slept: number[] = []
  return {
    slept,
    now: () => now + setMs,
    steadyNow: () => now,
    set: (byMs) => {
      setMs += byMs
    },
    sleep: async (delayMs, signal) => {
      await new Promise((resume) => setImmediate(resume))
      if (signal?.aborted) return
      slept.push(delayMs)
      now += delayMs
    },
  }
}

export function testEntropy(): (sizeBytes: number) => Uint8Array {
  const random = seededRandom(['test entropy'])
  return (sizeBytes) => Uint8Array.from({ length: sizeBytes }, () => random.below(256))
}

/** Training that adds ½ to every weight, and predictions that follow the first input. Counts its calls. */
export function testTrainer(): Trainer & { trained: number; fail: Error | undefined } {
  const self: ReturnType<typeof testTrainer> = {
    trained: 0,
    fail: undefined,
    async train({ weights }) {
      if (self.fail !== undefined) throw self.fail
      self.trained += 1
      const moved = weights.map((tensor) => ({ ...tensor, data: tensor.data.map((value) => value + 0.5) }))
      return { weights: moved, steps: 1, lossPerEpoch: [0.5] }
    },
    predict: async ({ data }) =>
      Float32Array.from({ length: data.rows }, (_, row) => 1 / (1 + Math.exp(-(data.features[row * data.width] ?? 0)))),
    warm: () => undefined,
    close: async () => undefined,
  }
  return self
}

export const testPlan = {
  wardround: 1,
  name: 'small',
  question: 'Is it?',
  data: {
    patient: 'who',
    target: { column: 'ill', positive: '> 0' },
    columns: { age: { type: 'number', unit: 'a', range: [0, 120] } },
    split: { test: 0.3, stratify: 'target' },
    minimumCohort: 5,
  },
  model: { layers: [{ dense: 1, name: 'output' }], personal: ['output.bias'] },
  training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 1 },
  strategy: { fedAvg: {} },
  rounds: { maximum: 20, stop: { metric: 'loss', patience: 2 } },
}

const preparation: Preparation = {
  columns: [{ name: 'age', type: 'number', fill: 50, mean: 50, standardDeviation: 10 }],
  normalise: 'global',
  contributors: ['budapest'],
}

export const testCsv = (patients = 40): string =>
  `who,ill,age\n${Array.from({ length: patients }, (_, index) => `p${index},${index % 2},${30 + index + (index % 2) * 5}\n`).join('')}`

export type HospitalOptions = {
  readonly patients?: number
  readonly policy?: string
  readonly plan?: object
  /** The weights that tasks name; otherwise ¼ each, which the coordinator has. */
  readonly weights?: BlobRef
  /** What stands between the hospital and the coordinator. */
  readonly line?: (network: Network) => Network
  readonly trainer?: Trainer
}

export type Hospital = Awaited<ReturnType<typeof hospital>>

/** Joined and approved; `open()` gives the site as its process would have it, again after each "restart". */
export async function hospital({
  patients = 40,
  policy = '',
  plan = testPlan,
  weights: given,
  line = (network) => network,
  ...asked
}: HospitalOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-site-'))
  const [clock, entropy, disk, trainer] = [testClock(), testEntropy(), realDisk(), testTrainer()]
  const coordinator = await fakeCoordinator({ clock })
  const network = line(coordinator.network)
  const version = '0.1.0'
  writeFileSync(join(folder, 'data.csv'), testCsv(patients))
  const config = parseConfig(`data: { file: data.csv }\n${policy}`, 'site.yaml')
  const said: string[] = []
  const options: SiteOptions = {
    folder,
    config,
    dataFolder: folder,
    trainer: asked.trainer ?? trainer,
    clock,
    entropy,
    ed25519,
    disk,
    version,
    network,
    log: (level, message) => void said.push(`${level}: ${message}`),
  }
  await joinNetwork({ folder, token: coordinator.token('budapest'), clock, entropy, ed25519, disk, version, network })
  const { id, study, planHash } = await offered(coordinator, plan)
  const open = (signal?: AbortSignal): Promise<OpenSite> =>
    openSite({ ...options, ...(signal === undefined ? {} : { signal }) })
  const say = async (decision: 'approved' | 'refused'): Promise<void> => {
    const site = await open()
    for (const offer of await offeredStudies(site)) await decide(offer, decision, { ...site, site: 'budapest' })
  }
  const { shared } = splitSpecs(study.model, preparedInputs(preparation))
  const weights: Weights =
    given === undefined
      ? shared.map(({ name, shape }) => ({ name, shape, data: new Float32Array(sizeOf(shape)).fill(0.25) }))
      : []
  const common = { now: clock.now, weights: given ?? coordinator.blob(encodeWeights(weights)) }
  const tasks = honestTasks({ study: id, planHash, ...common })
  return {
    folder,
    clock,
    trainer,
    coordinator,
    options,
    said,
    study: id,
    planHash,
    weights,
    tasks,
    /** The tasks of another study that is offered, with the same weights. */
    async also(other: object) {
      const { id, planHash } = await offered(coordinator, other)
      return honestTasks({ study: id, planHash, ...common })
    },
    open,
    say,
    remove: () => rmSync(folder, { recursive: true }),
  }
}

async function offered(coordinator: FakeCoordinator, written: object) {
  const { study, plan, planHash } = validatePlan(written)
  const id = `${study.name}-${planHash.slice(0, 8)}`
  await coordinator.offer({ study: id, planHash, plan })
  return { id, study, planHash }
}

/** Tasks as an honest coordinator would make them now. */
function honestTasks({
  study,
  planHash,
  now,
  weights,
}: {
  study: string
  planHash: string
  now: () => number
  weights: BlobRef
}) {
  const common = (kind: string, number: number) => ({
    version: 1 as const,
    id: `${study}-${kind}-${number}-budapest`,
    study,
    planHash,
    site: 'budapest',
    issuedAt: now(),
    expiresAt: now() + 600_000,
  })
  const prepared = { preparation, preparationHash: sha256Hex(canonicalJson(preparation)), weights }
  return {
    prepare: (attempt = 1): Task => ({ kind: 'prepare', ...common('prepare', attempt), attempt }),
    train: (round = 1, bestRound = 0): Of<'train'> => ({
      kind: 'train',
      ...common('train', round),
      ...prepared,
      round,
      bestRound,
    }),
    evaluate: (round = 1): Of<'evaluate'> => ({ kind: 'evaluate', ...common('evaluate', round), ...prepared, round }),
    finish: (round = 1, maximumRounds = 20): Of<'finish'> => ({
      kind: 'finish',
      ...common('finish', round),
      ...prepared,
      round,
      maximumRounds,
    }),
  }
}

type Of<K extends Task['kind']> = Extract<Task, { kind: K }>
