/**
 * One step of federated optimization, as data flowing one way: updates → aggregate → server optimizer → finalize. Every stage
 * is pure, returns {state, result, measurements}, and its state is plain data that lives in the coordinator's store.
 */
import { squareSum, sum32 } from '../vector.ts'

export type Measured<S, R> = {
  readonly state: S
  readonly result: R
  readonly measurements: Readonly<Record<string, number>>
}

/** One site's contribution: what its weights changed by, and how many examples it trained on. */
export type Update = { readonly site: string; readonly numExamples: number; readonly delta: Float32Array }

/** State of a stage: vectors of the model's dimension, by name, as they are stored between rounds (safetensors F64). */
export type VectorState = Readonly<Record<string, Float64Array<ArrayBuffer>>>

/** From the sites' updates to one. `aggregate` sees them in site-name order, whatever the order of arrival. */
export type Aggregator = {
  readonly name: string
  /** Each coordinate of the result depends on that coordinate of the updates alone: it may be run range by range. */
  readonly coordinateWise: boolean
  init(dimension: number): VectorState
  aggregate(updates: readonly Update[], state: VectorState): Measured<VectorState, Float64Array<ArrayBuffer>>
}

/** From the aggregated update to the step that the global weights take. */
export type ServerOptimizer = {
  readonly name: string
  readonly coordinateWise: boolean
  init(dimension: number): VectorState
  apply(update: Float64Array<ArrayBuffer>, state: VectorState): Measured<VectorState, Float64Array<ArrayBuffer>>
}

/** An algorithm as a value. `client` is what it asks of the sites. */
export type Strategy = {
  readonly name: string
  readonly aggregator: Aggregator
  readonly serverOptimizer: ServerOptimizer
  readonly client: { readonly proximalMu?: number }
}

export type StrategyState = { readonly aggregator: VectorState; readonly serverOptimizer: VectorState }

export const initialState = (strategy: Strategy, dimension: number): StrategyState => ({
  aggregator: strategy.aggregator.init(dimension),
  serverOptimizer: strategy.serverOptimizer.init(dimension),
})

/**
 * The next global weights: wₜ₊₁ = fround(wₜ + step). `weights` and each delta are of one dimension: the whole model, or, where the
 * strategy is coordinate-wise, any range of it, with the same range of the state. Measurements are sums over coordinates
 * (`…SquareSum`), so that those of ranges add up to those of the whole.
 */
export function step(
  strategy: Strategy,
  { weights, updates }: { weights: Float32Array; updates: readonly Update[] },
  state: StrategyState,
): Measured<StrategyState, Float32Array<ArrayBuffer>> {
  const ordered = updates.toSorted((a, b) => (a.site < b.site ? -1 : a.site > b.site ? 1 : 0))
  const aggregated = strategy.aggregator.aggregate(ordered, state.aggregator)
  const stepped = strategy.serverOptimizer.apply(aggregated.result, state.serverOptimizer)
  return {
    state: { aggregator: aggregated.state, serverOptimizer: stepped.state },
    result: sum32(weights, stepped.result),
    measurements: { ...aggregated.measurements, ...stepped.measurements, stepSquareSum: squareSum(stepped.result) },
  }
}

export const isCoordinateWise = ({ aggregator, serverOptimizer }: Strategy): boolean =>
  aggregator.coordinateWise && serverOptimizer.coordinateWise
