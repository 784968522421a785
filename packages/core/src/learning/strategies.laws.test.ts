/** Every strategy against the same laws, and each one's published rule on numbers worked by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeVectors, encodeSafetensors } from '../safetensors.ts'
import { type StrategySpec, strategySchema } from '../study/strategy.ts'
import { trimmedOf } from './aggregators.ts'
import {
  initialState,
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

const specs: readonly StrategySpec[] = [
  { fedAvg: { rate: 1 } },
  { fedAvg: { rate: 0.7 } },
  { fedAvgM: { rate: 0.9, momentum: 0.8 } },
  { fedProx: { rate: 1, mu: 0.01 } },
  { fedAdagrad: { rate: 0.3, beta1: 0.5, tau: 1e-3 } },
  { fedAdam: { rate: 0.02, beta1: 0.9, beta2: 0.99, tau: 1e-3 } },
  { fedYogi: { rate: 0.02, beta1: 0.9, beta2: 0.99, tau: 1e-3 } },
  { median: { rate: 1 } },
  { fedBuff: { rate: 0.5, buffer: 2, staleness: { exponent: 0.5, maximum: 10 } } },
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

type Rounds = { weights: Float32Array; rounds: readonly (readonly Update[])[] }
type Between = (state: StrategyState) => StrategyState

/** Weights and state after all rounds. `between` is done to the state before every round. */
function play(strategy: Strategy, { weights, rounds }: Rounds, between: Between = (state) => state) {
  const measurements: Readonly<Record<string, number>> = {}
  let now = { weights, state: initialState(strategy, weights.length), measurements }
  for (const updates of rounds) {
    const { result, state, measurements } = step(strategy, { weights: now.weights, updates }, between(now.state))
    now = { weights: result, state, measurements }
  }
  return now
}

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
    const sums = startProducts(vectorsOf(updates, now[0]?.state ?? none).length, weighing?.needs ?? 'norms')
    for (const [index, { from }] of ranges.entries())
      addProducts(sums, vectorsOf(parts[index] ?? [], now[index]?.state ?? none), from)
    const combination = weighing?.weigh(finishProducts(sums))
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
  return strategy.aggregator.aggregate(updates, state.aggregator, weighed(strategy, updates, state)).result
}

law('equal updates are aggregated to that update, exactly, or to as much of it as the rule reaches', (strategy) => {
  // n·Δ has at most 24 bits more than n, so that every partial sum is exact while Σ n < 2^29.
  const sizes = fc.array(fc.integer({ min: 1, max: 2 ** 26 }), { minLength: 1, maxLength: 7 })
  const anyDelta = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 5 })
  const reach = strategy.aggregator.reach ?? Number.POSITIVE_INFINITY
  fc.assert(
    fc.property(sizes, anyDelta, (sizes, values) => {
      const delta = Float32Array.from(values)
      const updates = sizes.map((numExamples, index) => ({ site: `site ${index}`, numExamples, delta }))
      const result = firstAggregate(strategy, updates)
      const length = lengthOf(delta)
      // Lengths within a millionth of each other: products.ts, squaredDistance().
      if (length <= reach * (1 - 1e-6))
        assert.deepEqual(Array.from(result, positiveZero), Array.from(delta, positiveZero))
      else
        for (const [i, value] of result.entries())
          assert.ok(Math.abs(value - ((delta[i] ?? 0) / length) * Math.min(length, reach)) <= 1e-5 * reach)
    }),
  )
})
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
          delta: Float32Array.from(delta),
        }))
        const { centre = new Float64Array(3) } = state.aggregator
        const { result, state: next } = strategy.aggregator.aggregate(
          updates,
          state.aggregator,
          weighed(strategy, updates, state),
        )
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
      const updates = [{ site: 'a', numExamples: 3, delta: new Float32Array(4) }]
      const { result } = step(strategy, { weights, updates }, initialState(strategy, 4))
      assert.deepEqual(Array.from(result, positiveZero), Array.from(weights, positiveZero))
    }),
  )
})

law('the schema gives back the very same strategy', (_, spec) => {
  assert.deepEqual(strategySchema.parse(spec), spec)
})

/** One weight through two rounds: two sites of 1 and 3 examples, whose updates average to Δ₁ = 4 and Δ₂ = −2. */
function twoRounds(spec: StrategySpec): number[] {
  const strategy = strategyOf(spec)
  const rounds = [
    // (1·10 + 3·2) / 4 = 4
    [
      { site: 'b', numExamples: 3, delta: Float32Array.of(2) },
      { site: 'a', numExamples: 1, delta: Float32Array.of(10) },
    ],
    // (1·1 + 3·(−3)) / 4 = −2
    [
      { site: 'a', numExamples: 1, delta: Float32Array.of(1) },
      { site: 'b', numExamples: 3, delta: Float32Array.of(-3) },
    ],
  ]
  const weights = Float32Array.of(1)
  return [rounds.slice(0, 1), rounds].map((rounds) => play(strategy, { weights, rounds }).weights[0] ?? Number.NaN)
}
const near = (found: readonly number[], wanted: readonly number[]) =>
  // Weights are Float32: half a unit in the last place is 2^-24 of the value.
  wanted.forEach((value, round) => {
    assert.ok(Math.abs((found[round] ?? Number.NaN) - value) <= 2 ** -23 * Math.abs(value), `${found} and ${wanted}`)
  })

test('FedAvg: w ← w + Σ nᵢΔᵢ / Σ nᵢ (McMahan et al. 2017, Algorithm 1)', () => {
  // 1 + 4 = 5; 5 − 2 = 3.
  assert.deepEqual(twoRounds({ fedAvg: { rate: 1 } }), [5, 3])
  // Half of each: 1 + 2 = 3; 3 − 1 = 2.
  assert.deepEqual(twoRounds({ fedAvg: { rate: 0.5 } }), [3, 2])
})

test('FedProx averages like FedAvg and asks the sites for a proximal term (Li et al. 2020, Algorithm 2)', () => {
  assert.deepEqual(twoRounds({ fedProx: { rate: 1, mu: 0.25 } }), [5, 3])
  assert.deepEqual(strategyOf({ fedProx: { rate: 1, mu: 0.25 } }).client, { proximalMu: 0.25 })
  assert.deepEqual(strategyOf({ fedAvg: { rate: 1 } }).client, {})
})

test('FedAvgM: v ← βv + Δ, w ← w + v (Hsu, Qi and Brown 2019, section 4)', () => {
  // v₁ = 4: 1 + 4 = 5. v₂ = 0.5·4 − 2 = 0: 5.
  assert.deepEqual(twoRounds({ fedAvgM: { rate: 1, momentum: 0.5 } }), [5, 5])
  // v₂ = 0.75·4 − 2 = 1; at rate 0.5: 1 + 2 = 3, 3 + 0.5 = 3.5.
  assert.deepEqual(twoRounds({ fedAvgM: { rate: 0.5, momentum: 0.75 } }), [3, 3.5])
})

test('FedAdagrad: v ← v + Δ², w ← w + η·m / (√v + τ) (Reddi et al. 2021, Algorithm 2)', () => {
  // τ = 3: v₁ = 9 + 16 = 25, m₁ = 4: step 4 / (5 + 3) = 1/2. v₂ = 25 + 4 = 29, m₂ = −2: step −2 / (√29 + 3).
  near(twoRounds({ fedAdagrad: { rate: 1, beta1: 0, tau: 3 } }), [1.5, 1.5 - 2 / (Math.sqrt(29) + 3)])
  // β₁ = 1/2: m₁ = 2, step 2/8; m₂ = 1 − 1 = 0, no step.
  near(twoRounds({ fedAdagrad: { rate: 1, beta1: 0.5, tau: 3 } }), [1.25, 1.25])
})

test('FedAdam: v ← β₂v + (1 − β₂)Δ², no bias correction (Reddi et al. 2021, Algorithm 2)', () => {
  // τ = 2, β₂ = 3/4: v₁ = 3/4·4 + 1/4·16 = 7, m₁ = 1/2·4 = 2: step 2 / (√7 + 2), at rate 1/2 half of it.
  // v₂ = 3/4·7 + 1/4·4 = 25/4, √ = 5/2; m₂ = 1/2·2 + 1/2·(−2) = 0: no step.
  const first = 1 + 1 / (Math.sqrt(7) + 2)
  near(twoRounds({ fedAdam: { rate: 0.5, beta1: 0.5, beta2: 0.75, tau: 2 } }), [first, first])
  // β₁ = 0: m₂ = −2, step ½·(−2) / (5/2 + 2) = −2/9; the first is ½·4 / (√7 + 2).
  const plain = 1 + 2 / (Math.sqrt(7) + 2)
  near(twoRounds({ fedAdam: { rate: 0.5, beta1: 0, beta2: 0.75, tau: 2 } }), [plain, plain - 2 / 9])
})

test('FedYogi: v ← v − (1 − β₂)Δ²·sign(v − Δ²) (Reddi et al. 2021, Algorithm 2)', () => {
  // τ = 2, β₂ = 3/4, Δ₁² = 16 > v₀ = 4: v₁ = 4 + 1/4·16 = 8, step 4 / (√8 + 2).
  // Δ₂² = 4 < 8: v₂ = 8 − 1/4·4 = 7, step −2 / (√7 + 2).
  const first = 1 + 4 / (Math.sqrt(8) + 2)
  near(twoRounds({ fedYogi: { rate: 1, beta1: 0, beta2: 0.75, tau: 2 } }), [first, first - 2 / (Math.sqrt(7) + 2)])
  // τ = 4: Δ₁² = v₀ = 16, sign 0: v₁ = 16, step 4 / (4 + 4). v₂ = 16 − 1 = 15, step −2 / (√15 + 4).
  near(twoRounds({ fedYogi: { rate: 1, beta1: 0, beta2: 0.75, tau: 4 } }), [1.5, 1.5 - 2 / (Math.sqrt(15) + 4)])
})

/** One weight at 0, one round: each site's update is its change. */
const oneRound = (spec: StrategySpec, changes: readonly number[]): number => {
  const updates = changes.map((change, index) => ({
    site: `site ${index}`,
    numExamples: 1 + 1000 * index,
    delta: Float32Array.of(change),
  }))
  const strategy = strategyOf(spec)
  return step(strategy, { weights: Float32Array.of(0), updates }, initialState(strategy, 1)).result[0] ?? Number.NaN
}

test('median: the middle value, or the mean of the middle two, whatever the sizes (Yin et al. 2018, Definition 1)', () => {
  assert.equal(oneRound({ median: { rate: 1 } }, [7]), 7)
  assert.equal(oneRound({ median: { rate: 1 } }, [1e6, -2, 3]), 3)
  assert.equal(oneRound({ median: { rate: 1 } }, [4, 1, -1e6, 2]), 1.5)
  assert.equal(oneRound({ median: { rate: 0.5 } }, [1e6, -2, 3]), 1.5)
  // −10 < −9 < 2: numbers are in order of size, not of their letters.
  assert.equal(oneRound({ median: { rate: 1 } }, [2, -10, -9]), -9)
})

test('trimmedMean: the mean without ⌊βm⌋ values on either side (Yin et al. 2018, Definition 2)', () => {
  const trimmed = (beta: number): StrategySpec => ({ trimmedMean: { rate: 1, beta } })
  // ⌊0.2·5⌋ = 1: (2 + 3 + 7) / 3 = 4.
  assert.equal(oneRound(trimmed(0.2), [1e6, 2, 7, -1e6, 3]), 4)
  // ⌊0.2·4⌋ = 0: nothing is left out. (1 + 2 + 3 + 6) / 4 = 3.
  assert.equal(oneRound(trimmed(0.2), [1, 6, 2, 3]), 3)
  // ⌊0.4·5⌋ = 2: the median is left.
  assert.equal(oneRound(trimmed(0.4), [1e6, 2, 7, -1e6, 3]), 3)
  assert.equal(oneRound(trimmed(0.49), [5]), 5)
})

test('what fewer sites than a robust rule bears send cannot move a weight beyond what the others sent', () => {
  const honest = fc.array(fc.float({ min: -10, max: 10, noNaN: true }), { minLength: 2, maxLength: 12 })
  const hostile = fc.infiniteStream(fc.float({ min: Math.fround(-1e30), max: Math.fround(1e30), noNaN: true }))
  fc.assert(
    fc.property(honest, hostile, fc.double({ min: 0.05, max: 0.49, noNaN: true }), (values, lies, beta) => {
      const within = (spec: StrategySpec, liars: number): void => {
        const found = oneRound(spec, [...values, ...Array.from({ length: liars }, () => lies.next().value ?? 0)])
        assert.ok(found >= Math.min(...values) && found <= Math.max(...values), `${JSON.stringify(spec)}: ${found}`)
      }
      within({ median: { rate: 1 } }, values.length - 1)
      const most = Array.from({ length: values.length }, (_, count) => count).findLast(
        (count) => trimmedOf(beta, values.length + count) >= count,
      )
      within({ trimmedMean: { rate: 1, beta } }, most ?? 0)
    }),
  )
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
