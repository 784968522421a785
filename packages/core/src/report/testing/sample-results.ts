/** A result for tests, made as a federation makes one: predictions → statistics → intervals → merged. The patients are drawn at random. */
import { bootstrap, pooledEstimates } from '../../metrics/intervals.ts'
import type { Estimate, Statistic } from '../../metrics/schema.ts'
import { mergeStatistics, type Scored, statisticOf } from '../../metrics/statistic.ts'
import type { RoundSite } from '../../protocol/events.ts'
import { validatePlan } from '../../protocol/plan.ts'
import { type Results, type RoundResult, resultsSchema, type SiteResult } from '../../protocol/results.ts'
import type { ModelResult } from '../../protocol/task.ts'
import { type Random, seededRandom } from '../../random.ts'
import { outcomeOf } from '../../study/outcome.ts'

export type SampleOptions = {
  readonly question?: string
  readonly rounds?: number
  /** Hospital → test patients and share of them that is ill. */
  readonly hospitals?: Readonly<Record<string, { readonly patients: number; readonly ill: number }>>
  readonly partial?: boolean
  /** How long it takes, in days, instead of whether it happens. */
  readonly numbers?: boolean
}

const fourHospitals = {
  aarhus: { patients: 103, ill: 0.45 },
  basel: { patients: 100, ill: 0.36 },
  kaunas: { patients: 42, ill: 0.92 },
  porto: { patients: 68, ill: 0.74 },
}
const replicates = 100

export function sampleResults({
  question = 'Does this patient have a coronary artery narrowed by more than half?',
  rounds = 24,
  hospitals = fourHospitals,
  partial = false,
  numbers = false,
}: SampleOptions = {}): Results {
  const { plan, planHash } = validatePlan({ ...samplePlan(question), ...(numbers ? numbersPlan : {}) })
  const names = Object.keys(hospitals)
  const sites = Object.entries(hospitals).map(([name, { patients, ill }]) =>
    siteResult(numbers ? 'meanSquaredError' : 'binaryCrossEntropy', name, { patients, ill }),
  )
  const late = partial ? names.at(-1) : undefined
  return resultsSchema.parse({
    study: 'sample-study',
    studyId: `sample-study-${planHash.slice(0, 8)}`,
    planHash,
    plan,
    preparation: {
      columns: [
        { name: 'age', type: 'number', fill: 53.5, mean: 53.5, standardDeviation: 9.4 },
        { name: 'sex', type: 'category', fill: '1', codes: ['0', '1'] },
      ],
      normalise: 'global',
      contributors: names,
    },
    outcome: partial ? 'completed partially' : 'completed',
    stoppedBecause: 'converged',
    expected: names,
    contributed: names.filter((name) => name !== late),
    weightsSha256: 'ab'.repeat(32),
    bestRound: Math.max(1, rounds - 5),
    rounds: Array.from({ length: rounds }, (_, index) => roundResult(index + 1, sites, late)),
    metric: 'loss',
    measuredOn: 'training',
    bytesUp: 412_345,
    bytesDown: 398_765,
    seconds: 7.42,
    sites,
    overall: {
      local: merged(sites.map(({ local }) => local)),
      federated: merged(sites.map(({ federated }) => federated)),
      centralised: merged(sites.flatMap(({ centralised }) => (centralised === null ? [] : [centralised]))),
    },
    machine: { wardround: '0.1.0', node: 'v26.10.0', processor: 'a processor' },
  })
}

const samplePlan = (question: string): Record<string, unknown> => ({
  wardround: 1,
  name: 'sample-study',
  question,
  data: {
    patient: 'patient_id',
    target: { column: 'num', positive: '> 0' },
    columns: {
      age: { type: 'number', unit: 'a', range: [18, 110] },
      sex: { type: 'category', values: { 0: 'female', 1: 'male' } },
    },
  },
  model: { layers: [{ dense: 1, name: 'output' }], personal: ['output.bias'] },
  training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.05 } }, batch: 32, epochs: 5 },
  strategy: { fedAvg: {} },
  rounds: { maximum: 60, stop: { metric: 'loss', patience: 5, minimumChange: 0.0005 }, quorum: 3 },
})

const numbersPlan = {
  data: {
    patient: 'patient_id',
    target: { column: 'stay', unit: 'd', range: [0, 365] },
    columns: { age: { type: 'number', unit: 'a', range: [18, 110] } },
  },
  training: { loss: 'meanSquaredError', optimizer: { sgd: { rate: 0.05 } }, batch: 32, epochs: 5 },
}

type Sampled = { readonly patients: number; readonly ill: number }

function siteResult(
  loss: 'binaryCrossEntropy' | 'meanSquaredError',
  name: string,
  { patients, ill }: Sampled,
): SiteResult {
  const draw = seededRandom(['sample', name])
  // A number of days.
  const scale = loss === 'meanSquaredError' ? 12 : 1
  const truth = Array.from({ length: patients }, () => (draw.uniform() < ill ? 1 : 0))
  const severity = truth.map((label) => label * 1.4 - 0.7 + gaussian(draw))
  const noisy = (noise: number): Scored => ({
    scores: Float32Array.from(
      severity,
      (value) => scale * sigmoid(1.4 * (value + noise * gaussian(draw)) + logit(ill)),
    ),
    target: Float32Array.from(truth, (label) => scale * label),
    patients: truth.map((_, index) => `${name}-${index}`),
  })
  const models = [noisy(0.9), noisy(0.3), noisy(0.25)]
  const { estimates, differences } = bootstrap(models, ['sample', name], { outcome: outcomeOf(loss), replicates })
  const model = (index: number): ModelResult => ({
    ...(estimates[index] ?? nothing),
    statistic: statisticOf(loss, models[index] ?? noisy(1)),
  })
  return {
    name,
    nTrain: patients * 2,
    nTest: patients,
    local: model(0),
    federated: model(1),
    centralised: model(2),
    difference: differences[0] ?? nothing,
    localRounds: 9,
  }
}

const unknown: Estimate = { value: null, low: null, high: null, n: null }
const nothing = { accuracy: unknown, auroc: unknown, brier: unknown }

function merged(parts: readonly ModelResult[]): ModelResult {
  const statistics = parts.flatMap(({ statistic }): Statistic[] => (statistic === null ? [] : [statistic]))
  const whole = mergeStatistics(statistics)
  return { ...pooledEstimates(statistics, whole, ['sample']), statistic: whole }
}

const troubles = [
  { state: 'late', value: null },
  { state: 'failed', value: null, code: 'WR_TRAINING_FAILED' },
  { state: 'refused', value: null, code: 'WR_NOT_APPROVED' },
] as const

/** A loss that falls towards a floor of each hospital's own; in a partial study one hospital is late, failing and refusing by turns. */
function roundResult(round: number, sites: readonly SiteResult[], late: string | undefined): RoundResult {
  const draw = seededRandom(['sample', 'round', round])
  const parts = sites.map(({ name, nTrain }, index): RoundSite => {
    const trouble = name === late && round % 4 === 0 ? troubles[(round / 4) % troubles.length] : undefined
    const value = 0.32 + 0.06 * index + 0.4 * Math.exp(-round / 4) + 0.006 * gaussian(draw)
    return { site: name, n: nTrain, seconds: 0.2, ...(trouble ?? { state: 'contributed', value }) }
  })
  const known = parts.flatMap(({ value }) => (value === null ? [] : [value]))
  const n = parts.reduce((sum, part) => sum + (part.n ?? 0), 0)
  return {
    round,
    state: 'completed',
    overall: { value: known.reduce((sum, value) => sum + value, 0) / known.length, low: null, high: null, n },
    sites: parts,
    measurements: {},
    startedAt: `2026-01-01T00:${String(round % 60).padStart(2, '0')}:00.000Z`,
    endedAt: `2026-01-01T00:${String(round % 60).padStart(2, '0')}:01.000Z`,
  }
}

const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value))
const logit = (share: number): number => Math.log(share / (1 - share))

/** Sum of twelve uniform draws: near enough to normal for patients who do not exist. */
const gaussian = (draw: Random): number =>
  Array.from({ length: 12 }, () => draw.uniform()).reduce((sum, value) => sum + value, -6)
