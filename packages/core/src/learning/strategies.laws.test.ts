/** Every strategy against the same laws. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeVectors, encodeSafetensors } from '../safetensors.ts'
import { type StrategySpec, strategySchema } from '../study/strategy.ts'
import { squareSum } from '../vector.ts'
import {
  aggregated,
  initialState,
  inOrder,
  type Strategy,
  type StrategyState,
  step,
  type Update,
  type VectorState,
  vectorsOf,
  weighed,
} from './process.ts'
import { addProducts, finishProducts, startProducts } from './products.ts'
import { strategyOf } from './strategies.ts'
import { type Between, play, type Rounds } from './testing/rounds.ts'

const specs: readonly StrategySpec[] = [
  { fedAvg: { rate: 1 } },
  { fedAvg: { rate: 0.7 } },
  { fedAvgM: { rate: 0.9, momentum: 0.8 } },
  { fedProx: { rate: 1, mu: 0.01 } },
  { fedAdagrad: { rate: 0.3, beta1: 0.5, tau: 1e-3 } },
  { fedAdam: { rate: 0.02, beta1: 0.9, beta2: 0.99, tau: 1e-3 } },
  { fedYogi: { rate: 0.02, beta1: 0.9, beta2: 0.99, tau: 1e-3 } },
  { cyclic: { order: 'name' } },
  { median: { rate: 1 } },
  { fedBuff: { rate: 0.5, buffer: 2, staleness: { exponent: 0.5, maximum: 10 } } },
  { fedNova: { rate: 0.7 } },
  { qFedAvg: { q: 0, lipschitz: 10 } },
  { qFedAvg: { q: 2, lipschitz: 0.5 } },
  { scaffold: { rate: 0.7 } },
  { fedDyn: { alpha: 0.1 } },
  { trimmedMean: { rate: 0.7, beta: 0.25 } },
  { krum: { rate: 1 } },
  { multiKrum: { rate: 0.7, faulty: 1, keep: 2 } },
  { geometricMedian: { rate: 1, smoothing: 1e-6 } },
  { normBound: { rate: 0.7, norm: 'median' } },
  { normBound: { rate: 1, norm: 50 } },
  { centredClipping: { rate: 0.7, radius: 'median', iterations: 2 } },
  { centredClipping: { rate: 1, radius: 30, iterations: 3 } },
]

/** A test for every strategy of the table. */
function law(title: string, holds: (strategy: Strategy, spec: StrategySpec) => void): void {
  for (const spec of specs) test(`${JSON.stringify(spec)}: ${title}`, () => holds(strategyOf(spec), spec))
}

const value = fc.float({ min: -100, max: 100, noNaN: true })
const vector = (length: number) =>
  fc.array(value, { minLength: length, maxLength: length }).map((values) => Float32Array.from(values))
/** A few rounds of a small model; sites may miss rounds, as hospitals do. */
const run = fc.integer({ min: 1, max: 7 }).chain((dimension) =>
  fc.record({
    weights: vector(dimension),
    rounds: fc.array(
      fc.uniqueArray(
        fc.record(
          {
            site: fc.string({ minLength: 1, maxLength: 6 }),
            numExamples: fc.integer({ min: 1, max: 5000 }),
            numSteps: fc.integer({ min: 1, max: 100 }),
            measurements: fc.record(
              { lossBefore: fc.double({ min: 0, max: 1e6, noNaN: true }) },
              { noNullPrototype: true },
            ),
            delta: vector(dimension),
          },
          { noNullPrototype: true },
        ),
        { minLength: 1, maxLength: 5, selector: ({ site }) => site },
      ),
      { minLength: 1, maxLength: 4 },
    ),
  }),
)

const stored: Between = ({ aggregator, serverOptimizer }) => ({
  aggregator: throughFile(aggregator),
  serverOptimizer: throughFile(serverOptimizer),
})
const throughFile = (state: VectorState): VectorState =>
  decodeVectors(encodeSafetensors(Object.entries(state).map(([name, data]) => ({ name, shape: [data.length], data }))))

law('the order of arrival changes no bit', (strategy) => {
  fc.assert(
    fc.property(run, fc.infiniteStream(fc.nat()), (rounds, keys) => {
      const shuffled = rounds.rounds.map((updates) =>
        updates
          .map((update) => ({ update, key: keys.next().value ?? 0 }))
          .toSorted((a, b) => a.key - b.key)
          .map(({ update }) => update),
      )
      assert.deepEqual(play(strategy, { ...rounds, rounds: shuffled }), play(strategy, rounds))
    }),
  )
})

law('going on from stored state changes no bit', (strategy) => {
  fc.assert(fc.property(run, (rounds) => assert.deepEqual(play(strategy, rounds, stored), play(strategy, rounds))))
})

law('a step changes none of its inputs', (strategy) => {
  fc.assert(
    fc.property(run, ({ weights, rounds: [updates = []] }) => {
      const state = initialState(strategy, weights.length)
      const before = structuredClone({ weights, updates, state })
      const first = step(strategy, { weights, updates }, state)
      assert.deepEqual({ weights, updates, state }, before)
      assert.deepEqual(step(strategy, { weights, updates }, state), first)
    }),
  )
})

/** The same as play(), two ranges of the model at a time, cut before coordinate `at`. */
function playInRanges(strategy: Strategy, { weights, rounds }: Rounds, at: number) {
  const ranges = [
    { from: 0, to: at },
    { from: at, to: weights.length },
  ]
  let now = ranges.map(({ from, to }) => ({
    weights: weights.subarray(from, to),
    state: initialState(strategy, to - from),
    measurements: {},
  }))
  for (const updates of rounds) {
    const parts = ranges.map(({ from, to }) =>
      updates.map((part) => ({ ...part, delta: part.delta.subarray(from, to) })),
    )
    const { weighing } = strategy.aggregator
    const needs = weighing?.needs ?? 'nothing'
    const sums = startProducts(vectorsOf(updates, now[0]?.state ?? none).length, needs === 'nothing' ? 'norms' : needs)
    for (const [index, { from }] of ranges.entries())
      addProducts(sums, vectorsOf(parts[index] ?? [], now[index]?.state ?? none), { start: from })
    const combination = weighing?.weigh(finishProducts(sums), inOrder(updates))
    now = now.map(({ weights, state }, index) => {
      const done = step(strategy, { weights, updates: parts[index] ?? [], combination }, state)
      return { weights: done.result, state: done.state, measurements: done.measurements }
    })
  }
  return now
}
const none: StrategyState = { aggregator: {}, serverOptimizer: {} }

law('a range at a time gives the bits of the whole, and measurements that add up', (strategy) => {
  fc.assert(
    fc.property(run, fc.nat(), (rounds, cut) => {
      const whole = play(strategy, rounds)
      const done = playInRanges(strategy, rounds, cut % (rounds.weights.length + 1))
      assert.deepEqual(Float32Array.from(done.flatMap(({ weights }) => [...weights])), whole.weights)
      for (const part of ['aggregator', 'serverOptimizer'] as const)
        for (const [name, vector] of Object.entries(whole.state[part]))
          assert.deepEqual(Float64Array.from(done.flatMap(({ state }) => [...(state[part][name] ?? [])])), vector)
      for (const [name, all] of Object.entries(whole.measurements)) {
        const sum = done.reduce((sum, { measurements }) => sum + Number(Reflect.get(measurements, name)), 0)
        // Float64 sums of at most 7 squares, added in two orders: no more than a few units in the last place apart.
        assert.ok(Math.abs(sum - all) <= 16 * Number.EPSILON * all, `${name}: ${sum} and ${all}`)
      }
    }),
  )
})

const lengthOf = (values: Iterable<number>): number => Math.hypot(...values)
/** What the aggregator makes of updates in the first round. */
function firstAggregate(strategy: Strategy, updates: readonly Update[]): Float64Array {
  const state = initialState(strategy, updates[0]?.delta.length ?? 0)
  const round = { combination: weighed(strategy, updates, state), cohort: updates.length, state: state.aggregator }
  return aggregated(strategy.aggregator, updates, round).result
}

law('what is said to be the sum of squares of an aggregate, and of a step, is that, to the bit', (strategy) => {
  fc.assert(
    fc.property(run, ({ weights, rounds }) => {
      let state = initialState(strategy, weights.length)
      for (const updates of rounds) {
        const round = {
          combination: weighed(strategy, updates, state),
          cohort: updates.length,
          state: state.aggregator,
        }
        const { result, state: next, measurements } = aggregated(strategy.aggregator, updates, round)
        assert.equal(measurements.aggregateSquareSum, squareSum(result))
        const stepped = strategy.serverOptimizer.apply(Float64Array.from(result), state.serverOptimizer)
        const { stepSquareSum } = step(strategy, { weights, updates }, state).measurements
        assert.equal(stepSquareSum, squareSum(stepped.result))
        state = { serverOptimizer: stepped.state, aggregator: next }
      }
    }),
  )
})

/** All of a site's own words but the number of its examples. */
const making = { numSteps: 7, measurements: { lossBefore: 0.5 } }
/** Rules that shorten a step by what they think of the losses' curvature. */
const shortens = (spec: StrategySpec): boolean => 'qFedAvg' in spec && spec.qFedAvg.q > 0

/** FedDyn goes as far again as the mean when all have taken part: its state, at first 0, is minus that mean then. */
const timesOf = (spec: StrategySpec): number => ('fedDyn' in spec ? 2 : 1)

law(
  'equal updates are aggregated to that update, exactly, or to as much of it as the rule reaches',
  (strategy, spec) => {
    // n·Δ has at most 24 bits more than n, so that every partial sum is exact while Σ n < 2^29.
    const sizes = fc.array(fc.integer({ min: 1, max: 2 ** 26 }), { minLength: 1, maxLength: 7 })
    const anyDelta = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 5 })
    const reach = strategy.aggregator.reach ?? Number.POSITIVE_INFINITY
    fc.assert(
      fc.property(sizes, anyDelta, (sizes, values) => {
        const delta = Float32Array.from(values)
        const updates = sizes.map((numExamples, index) => ({ site: `site ${index}`, numExamples, ...making, delta }))
        const result = firstAggregate(strategy, updates)
        const length = lengthOf(delta)
        if (shortens(spec)) {
          const share = length === 0 ? 0 : lengthOf(result) / length
          assert.ok(share >= 0 && share <= 1)
          for (const [i, value] of result.entries())
            assert.ok(Math.abs(value - share * (delta[i] ?? 0)) <= 1e-12 * lengthOf(result))
          return
        }
        // Lengths within a millionth of each other: products.ts, squaredDistance().
        if (length <= reach * (1 - 1e-6))
          assert.deepEqual(
            Array.from(result, positiveZero),
            Array.from(delta, (value) => positiveZero(timesOf(spec) * value)),
          )
        else
          for (const [i, value] of result.entries())
            assert.ok(Math.abs(value - ((delta[i] ?? 0) / length) * Math.min(length, reach)) <= 1e-5 * reach)
      }),
    )
  },
)
const positiveZero = (value: number): number => value + 0

law('no round goes farther from its start than the rule says that it reaches', (strategy) => {
  const reach = strategy.aggregator.reach ?? Number.POSITIVE_INFINITY
  const hostile = fc.float({ min: Math.fround(-1e30), max: Math.fround(1e30), noNaN: true })
  const updatesOf = (value: fc.Arbitrary<number>) =>
    fc.array(fc.array(value, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(updatesOf(hostile), updatesOf(value), (...rounds) => {
      let state = initialState(strategy, 3)
      for (const deltas of rounds) {
        const updates = deltas.map((delta, index) => ({
          site: `site ${index}`,
          numExamples: 1,
          ...making,
          delta: Float32Array.from(delta),
        }))
        const { centre = new Float64Array(3) } = state.aggregator
        const { result, state: next } = aggregated(strategy.aggregator, updates, {
          combination: weighed(strategy, updates, state),
          cohort: updates.length,
          state: state.aggregator,
        })
        assert.ok(lengthOf(result.map((value, i) => value - (centre[i] ?? 0))) <= reach * (1 + 1e-6))
        state = { ...state, aggregator: next }
      }
    }),
  )
})

law('only the proportions of the sizes count', (strategy) => {
  fc.assert(
    fc.property(run, fc.integer({ min: 0, max: 20 }), (rounds, power) => {
      const larger = rounds.rounds.map((updates) =>
        updates.map((update) => ({ ...update, numExamples: update.numExamples * 2 ** power })),
      )
      // A power of two scales every product and sum exactly.
      assert.deepEqual(play(strategy, { ...rounds, rounds: larger }), play(strategy, rounds))
    }),
  )
})

law('updates of zero leave fresh weights alone', (strategy) => {
  fc.assert(
    fc.property(vector(4), (weights) => {
      const updates = [{ site: 'a', numExamples: 3, ...making, delta: new Float32Array(4) }]
      const { result } = step(strategy, { weights, updates }, initialState(strategy, 4))
      assert.deepEqual(Array.from(result, positiveZero), Array.from(weights, positiveZero))
    }),
  )
})

law('the schema gives back the very same strategy', (_, spec) => {
  assert.deepEqual(strategySchema.parse(spec), spec)
})

test('sites are summed in the order of their names, so that a sum of unlike sizes has one result', () => {
  // 2^53 + 1 + 1 depends on the order: the smallest name goes first, whatever arrives first.
  const updates = [
    { site: 'c', numExamples: 1, delta: Float32Array.of(2 ** 53) },
    { site: 'a', numExamples: 1, delta: Float32Array.of(1) },
    { site: 'b', numExamples: 1, delta: Float32Array.of(1) },
  ]
  const strategy = strategyOf({ fedAvg: { rate: 1 } })
  const aggregate = step(strategy, { weights: Float32Array.of(0), updates }, initialState(strategy, 1)).measurements
  // (1 + 1) + 2^53 is exact; (2^53 + 1) + 1 would round to 2^53.
  assert.equal(aggregate.aggregateSquareSum, ((2 ** 53 + 2) / 3) ** 2)
})
