/**
 * One step of federated optimization, as data flowing one way: updates → aggregate → server optimizer → finalize. Every stage
 * is pure, returns {state, result, measurements}, and its state is plain data that lives in the coordinator's store.
 */
import { addStep } from '../step-sum.ts'
import { squareSum, type Vector } from '../vector.ts'
import { addTerms } from '../weighted-sum.ts'
import type { LocalCorrection } from './local-correction.ts'
import { addProducts, finishProducts, noProducts, type ProductNeeds, type Products, startProducts } from './products.ts'
import type { Turn } from './turns.ts'

export type Measured<S, R> = {
  readonly state: S
  readonly result: R
  readonly measurements: Readonly<Record<string, number>>
}

/** What a site says of how it came to its update. All of it is its own word. */
export type Making = {
  readonly numExamples: number
  /** Steps of the local optimizer. A rule that needs them throws where they are not said. */
  readonly numSteps?: number
  /** By name: numbers of the site's own training. */
  readonly measurements?: Readonly<Record<string, number>>
}

/** One site's contribution: what its weights changed by. */
export type Update = Making & { readonly site: string; readonly delta: Float32Array }

/** State of a stage: vectors of the model's dimension, by name, as they are stored between rounds (safetensors F64). */
export type VectorState = Readonly<Record<string, Float64Array<ArrayBuffer>>>

/** What a round's vectors are multiplied by, and their sum divided by: updates in the order of site names, then the state's vectors. */
export type Combination = {
  readonly coefficients: readonly number[]
  readonly divisor: number
  /** Of the round as a whole; they do not add up. */
  readonly measurements: Readonly<Record<string, number>>
}

/**
 * The half of an aggregator that is about whole updates. It is run once a round. Where it needs products they cost a pass over the updates;
 * where it needs none, or there is no such half, nothing is read for it.
 */
export type Weighing = {
  readonly needs: ProductNeeds | 'nothing'
  /** `makings` are in the order of the updates; the products go on with the state's vectors. */
  weigh(products: Products, makings: readonly Making[]): Combination
}

/** What an aggregator is told of the round beside its updates. */
export type RoundFacts = {
  readonly combination: Combination
  /** Sites that were asked to train in this round, whether they did or not: N, where the updates are of |S|. */
  readonly cohort: number
  /** In the order of the updates. */
  readonly makings: readonly Making[]
}

/** Measurement `aggregateSquareSum`: Σ of the result's squares, from low to high. */
export type Aggregate = Measured<VectorState, Float64Array<ArrayBuffer>>

/**
 * From the sites' updates to one, by sums of them: Σ cₖ·Δₖ in site-name order, whatever the order of arrival, for each row of coefficients. Updates are added one by one
 * as they are read, so that a rule of this form is what needs the least memory.
 */
export type SumRule = {
  /** Rows of one number an update; an update that has 0 in all of them need not be read. */
  coefficients(facts: RoundFacts): readonly (readonly number[])[]
  /** `sums`, one a row, are its own to change. Each coordinate by itself: it is run range by range. */
  finish(sums: readonly Float64Array<ArrayBuffer>[], state: VectorState, facts: RoundFacts): Aggregate
}

/** From the sites' updates to one, where a coordinate needs all of them at once. They are in site-name order; it is run range by range. */
export type CoordinateRule = {
  aggregate(deltas: readonly Float32Array[], state: VectorState, facts: RoundFacts): Aggregate
}

/** From the sites' updates to one. Each coordinate of what it makes depends on that coordinate of the updates and of the state alone, given the facts. */
export type Aggregator = {
  readonly name: string
  readonly weighing?: Weighing
  /** The farthest that one round's aggregate can be from where the rule starts (0, or its `centre`), where it is a number known beforehand. */
  readonly reach?: number
  init(dimension: number): VectorState
} & (SumRule | CoordinateRule)

/** From the aggregated update to the step that the global weights take, each coordinate by itself. */
export type ServerOptimizer = {
  readonly name: string
  init(dimension: number): VectorState
  apply(update: Float64Array<ArrayBuffer>, state: VectorState): Measured<VectorState, Float64Array<ArrayBuffer>>
}

/** An algorithm as a value. `client` is what it asks of the sites; without `turn` every round goes to all of them. */
export type Strategy = {
  readonly name: string
  readonly turn?: Turn
  readonly aggregator: Aggregator
  readonly serverOptimizer: ServerOptimizer
  readonly client: {
    readonly proximalMu?: number
    /** Measurement `lossBefore`: the mean loss over the training records of the weights that the site was given. */
    readonly lossBefore?: true
    /** What each site keeps for itself from round to round, and adds to its gradients. */
    readonly correction?: LocalCorrection
  }
}

export type StrategyState = { readonly aggregator: VectorState; readonly serverOptimizer: VectorState }

export const initialState = (strategy: Strategy, dimension: number): StrategyState => ({
  aggregator: strategy.aggregator.init(dimension),
  serverOptimizer: strategy.serverOptimizer.init(dimension),
})

/** Nothing to multiply by: for an aggregator that does not weigh. */
export const unweighed: Combination = { coefficients: [], divisor: 1, measurements: {} }

export const inOrder = <U extends { readonly site: string }>(updates: readonly U[]): U[] =>
  updates.toSorted((a, b) => (a.site < b.site ? -1 : a.site > b.site ? 1 : 0))

/** The vectors, or a range of them, whose products an aggregator weighs by. */
export const vectorsOf = (updates: readonly Update[], state: StrategyState): Vector[] => [
  ...inOrder(updates).map(({ delta }) => delta),
  ...Object.values(state.aggregator),
]

/** The combination of whole updates, in memory. */
export function weighed({ aggregator }: Strategy, updates: readonly Update[], state: StrategyState): Combination {
  if (aggregator.weighing === undefined) return unweighed
  const { needs, weigh } = aggregator.weighing
  const vectors = vectorsOf(updates, state)
  if (needs === 'nothing') return weigh(noProducts(vectors.length), inOrder(updates))
  const sums = startProducts(vectors.length, needs)
  addProducts(sums, vectors, { start: 0 })
  return weigh(finishProducts(sums), inOrder(updates))
}

type Round = {
  readonly weights: Float32Array
  readonly updates: readonly Update[]
  /** Of the whole updates: must be given where these are ranges. */
  readonly combination?: Combination | undefined
  /** Absent: as many as there are updates. */
  readonly cohort?: number | undefined
}

/** The aggregate of updates, or of ranges of them, in memory. */
export function aggregated(
  aggregator: Aggregator,
  updates: readonly Update[],
  { state, ...round }: Pick<RoundFacts, 'combination' | 'cohort'> & { readonly state: VectorState },
): Aggregate {
  const makings = inOrder(updates)
  const facts = { ...round, makings }
  const deltas = makings.map(({ delta }) => delta)
  if ('aggregate' in aggregator) return aggregator.aggregate(deltas, state, facts)
  const sums = aggregator.coefficients(facts).map((row) => {
    const sum = new Float64Array(deltas[0]?.length ?? 0)
    addTerms(
      deltas.map((vector, k) => ({ coefficient: row[k] ?? 0, vector })),
      sum,
    )
    return sum
  })
  return aggregator.finish(sums, state, facts)
}

/** From the aggregate to the next global weights: wₜ₊₁ = fround(wₜ + step), which are written into `next`. */
export function applied(
  { serverOptimizer }: Strategy,
  { weights, aggregate, next }: { weights: Float32Array; aggregate: Aggregate; next: Float32Array<ArrayBuffer> },
  state: StrategyState,
): Measured<StrategyState, Float32Array<ArrayBuffer>> {
  const stepped = serverOptimizer.apply(aggregate.result, state.serverOptimizer)
  addStep(weights, stepped.result, next)
  const { aggregateSquareSum } = aggregate.measurements
  const known = stepped.result === aggregate.result ? aggregateSquareSum : undefined
  const stepSquareSum = known ?? squareSum(stepped.result)
  return {
    state: { aggregator: aggregate.state, serverOptimizer: stepped.state },
    result: next,
    measurements: { ...aggregate.measurements, ...stepped.measurements, stepSquareSum },
  }
}

/**
 * The next global weights. `weights` and each delta are of one dimension: the whole model, or any range of it, with the same range of the state.
 * Measurements are sums over coordinates (`…SquareSum`), so that those of ranges add up to those of the whole.
 */
export function step(
  strategy: Strategy,
  { weights, updates, combination, cohort = updates.length }: Round,
  state: StrategyState,
): Measured<StrategyState, Float32Array<ArrayBuffer>> {
  const round = { combination: combination ?? weighed(strategy, updates, state), cohort }
  const aggregate = aggregated(strategy.aggregator, updates, { ...round, state: state.aggregator })
  return applied(strategy, { weights, aggregate, next: new Float32Array(weights.length) }, state)
}
