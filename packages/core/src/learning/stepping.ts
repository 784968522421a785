/**
 * A strategy's step through the ranges of a model, one after another, in the same memory: fresh memory for each range costs more than what is done in it. The bits are those
 * of step() in process.ts.
 */
import { float32Of, float64Of } from '../safetensors.ts'
import { addTerms, groupLength } from '../weighted-sum.ts'
import { plain, type Take } from '../workbench.ts'
import {
  type Aggregate,
  applied,
  type CoordinateRule,
  type Measured,
  type RoundFacts,
  type Strategy,
  type StrategyState,
  type SumRule,
  type VectorState,
} from './process.ts'

export type Stepping = {
  /** The updates that it needs, by where they stand among the makings. They come in this order. */
  readonly needed: readonly number[]
  /** How many of them it takes at once. */
  readonly atOnce: number
  /** `stored`: the same range of the state. */
  begin(length: number, stored: StrategyState): void
  /** The next `atOnce` of the needed updates, or what is left of them; it keeps none. */
  add(deltas: readonly Float32Array[]): void
  /** What it gives is good until the range after the next begins, and is no part of what was stored. */
  finish(weights: Float32Array): Measured<StrategyState, Float32Array<ArrayBuffer>>
}

export type Room = {
  /** Of the longest range. */
  readonly rangeLength: number
  /** Where deltas and weights are in a workbench, the memory should be of that. */
  readonly take?: Take
}

export function stepping(strategy: Strategy, facts: RoundFacts, { rangeLength, take = plain }: Room): Stepping {
  const { aggregator } = strategy
  const room = { rangeLength, take }
  const aggregating = 'aggregate' in aggregator ? coordinates(aggregator, facts) : summing(aggregator, facts, room)
  const results = inTurns(() => float32Of(take(4 * rangeLength)))
  let stored: StrategyState = { aggregator: {}, serverOptimizer: {} }
  return {
    needed: aggregating.needed,
    atOnce: aggregating.atOnce,
    begin(length, state) {
      stored = state
      aggregating.begin(length, state.aggregator)
    },
    add: aggregating.add,
    finish(weights) {
      const next = results().subarray(0, weights.length)
      return applied(strategy, { weights, aggregate: aggregating.finish(), next }, stored)
    },
  }
}

/** One of two, and then the other: what was made of a range is still being written while the next is made. */
function inTurns<T>(make: () => T): () => T {
  const both = [make(), make()] as const
  let turn = 0
  return () => {
    turn = 1 - turn
    return turn === 0 ? both[0] : both[1]
  }
}

type Aggregating = {
  readonly needed: readonly number[]
  readonly atOnce: number
  begin(length: number, stored: VectorState): void
  add(deltas: readonly Float32Array[]): void
  finish(): Aggregate
}

function summing(rule: SumRule, facts: RoundFacts, { rangeLength, take }: Required<Room>): Aggregating {
  const rows = rule.coefficients(facts)
  const needed = facts.makings.map((_, k) => k).filter((k) => rows.some((row) => row[k] !== 0))
  const buffers = inTurns(() => rows.map(() => float64Of(take(8 * rangeLength))))
  let sums: readonly Float64Array<ArrayBuffer>[] = []
  let stored: VectorState = {}
  let added = 0
  return {
    needed,
    atOnce: groupLength,
    begin(length, state) {
      sums = buffers().map((sum) => sum.subarray(0, length).fill(0))
      stored = state
      added = 0
    },
    add(deltas) {
      for (const [at, sum] of sums.entries())
        addTerms(
          deltas.map((vector, k) => ({ coefficient: rows[at]?.[needed[added + k] ?? -1] ?? 0, vector })),
          sum,
        )
      added += deltas.length
    },
    finish: () => rule.finish(sums, stored, facts),
  }
}

function coordinates(rule: CoordinateRule, facts: RoundFacts): Aggregating {
  let stored: VectorState = {}
  let aggregate: Aggregate | undefined
  return {
    needed: facts.makings.map((_, k) => k),
    atOnce: facts.makings.length,
    begin(_, state) {
      stored = state
    },
    add(deltas) {
      aggregate = rule.aggregate(deltas, stored, facts)
    },
    finish: () => aggregate ?? rule.aggregate([], stored, facts),
  }
}
