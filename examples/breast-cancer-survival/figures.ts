/** What is told of each region and of all: how well three models know who dies sooner. */
import { type Concordance, concordanceOf, type Weigh } from '@wardround/core/metrics/concordance.ts'
import { percentiles, resamples } from '@wardround/core/metrics/intervals.ts'
import type { Estimate } from '@wardround/core/metrics/schema.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import { seededRandom } from '@wardround/core/random.ts'
import type { Model, Tested } from './federation.ts'
import type { Patient } from './patients.ts'

export type Row = {
  /** A region, or all. */
  readonly region: string
  readonly nTrain: number
  readonly nTest: number
  readonly deathsTrain: number
  readonly deathsTest: number
  /** Of test patients of one region, of whom it is known who died first. */
  readonly pairs: number
  readonly concordance: Readonly<Record<Model, Estimate>>
  readonly federatedMinusCentralised: Estimate
  readonly federatedMinusLocal: Estimate
}

export type Figures = {
  readonly rows: readonly Row[]
  /** The mean of the regions' concordances, as FLamby has it: Canada's three pairs count as much as Northeast's 358. */
  readonly meanOverRegions: Readonly<Record<Model, number>>
  /** Of pairs across regions, too. A model of one region says nothing of other regions' patients. */
  readonly acrossRegions: Readonly<Record<Exclude<Model, 'local'>, number>>
}

type Values = Readonly<Record<Model, number>>

const shareOf = ({ concordant, comparable }: Concordance): number => concordant / comparable
const ofModels = <T>(of: (model: Model) => T): Readonly<Record<Model, T>> => ({
  federated: of('federated'),
  centralised: of('centralised'),
  local: of('local'),
})

/** Pairs of several regions, each region's patients drawn by themselves. */
function sumOf(parts: readonly Concordance[]): Concordance {
  const sum = (of: keyof Concordance): number => parts.reduce((total, part) => total + part[of], 0)
  return { comparable: sum('comparable'), concordant: sum('concordant') }
}

/** Percentile bootstrap: patients are drawn within their region, the same ones for all models. A draw without a pair is left out. */
function estimatesOf(tested: readonly Tested[]) {
  const weighers = tested.map(({ target, scores }) =>
    ofModels((model): Weigh => concordanceOf({ scores: scores[model], target })),
  )
  const observed = ofModels((model) => shareOf(sumOf(weighers.map((own) => own[model]()))))
  const random = seededRandom(['breast-cancer-survival', 'bootstrap', ...tested.map(({ region }) => region)])
  const draws: Values[] = Array.from({ length: resamples }, () => {
    const weights = tested.map(({ patients }) => {
      const drawn = new Float64Array(patients.length)
      for (let index = 0; index < patients.length; index++) {
        const row = random.below(patients.length)
        drawn[row] = (drawn[row] ?? 0) + 1
      }
      return drawn
    })
    return ofModels((model) => shareOf(sumOf(weighers.map((own, index) => own[model](weights[index])))))
  }).filter(({ federated }) => Number.isFinite(federated))
  const n = tested.reduce((sum, { patients }) => sum + patients.length, 0)
  const estimate = (of: (values: Values) => number): Estimate => ({
    ...{ value: of(observed), n },
    ...(draws.length === 0 ? { low: null, high: null } : percentiles(draws.map(of))),
  })
  return {
    concordance: ofModels((model) => estimate((values) => values[model])),
    federatedMinusCentralised: estimate(({ federated, centralised }) => federated - centralised),
    federatedMinusLocal: estimate(({ federated, local }) => federated - local),
  }
}

function rowOf(region: string, tested: readonly Tested[], patients: readonly Patient[]): Row {
  const count = (part: Patient['part'], died = false): number =>
    patients.filter((patient) => patient.part === part && (patient.died || !died)).length
  const pairs = sumOf(tested.map(({ target, scores }) => concordanceOf({ scores: scores.federated, target })()))
  return {
    region,
    nTrain: count('training'),
    nTest: count('test'),
    deathsTrain: count('training', true),
    deathsTest: count('test', true),
    pairs: pairs.comparable,
    ...estimatesOf(tested),
  }
}

/** All test patients as if of one region. */
function across(tested: readonly Tested[], model: Model): number {
  const joined = (of: (own: Tested) => Float32Array): Float32Array =>
    Float32Array.from(tested.flatMap((own) => [...of(own)]))
  return shareOf(
    concordanceOf({ scores: joined(({ scores }) => scores[model]), target: joined(({ target }) => target) })(),
  )
}

/** Sent and received by all regions together, with what goes before the first round and after the last. */
export const bytesPerRound = ({ bytesUp, bytesDown, rounds }: Results): number =>
  Math.round((bytesUp + bytesDown) / Math.max(1, rounds.length))

/** `all` names the row of all regions. */
export function figuresOf(tested: readonly Tested[], patients: readonly Patient[], all: string): Figures {
  const rows = tested.map((own) =>
    rowOf(
      own.region,
      [own],
      patients.filter(({ region }) => region === own.region),
    ),
  )
  const mean = (model: Model): number =>
    rows.reduce((sum, { concordance }) => sum + (concordance[model].value ?? Number.NaN), 0) / rows.length
  return {
    rows: [...rows, rowOf(all, tested, patients)],
    meanOverRegions: ofModels(mean),
    acrossRegions: { federated: across(tested, 'federated'), centralised: across(tested, 'centralised') },
  }
}
