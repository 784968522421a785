import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { float32Of } from '../safetensors.ts'
import type { StrategySpec } from '../study/strategy.ts'
import { workbench } from '../workbench.ts'
import { initialState, step, type Update, weighed } from './process.ts'
import { stepping } from './stepping.ts'
import { strategyOf } from './strategies.ts'

const specs: readonly StrategySpec[] = [
  { fedAvg: { rate: 1 } },
  { fedAdam: { rate: 0.02, beta1: 0.9, beta2: 0.99, tau: 1e-3 } },
  { scaffold: { rate: 0.7 } },
  { median: { rate: 1 } },
  { krum: { rate: 1 } },
  { centredClipping: { rate: 0.5, radius: 40, iterations: 2 } },
]

const dimension = 11
const vector = fc
  .array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: dimension, maxLength: dimension })
  .map((values) => Float32Array.from(values))
const round = fc.record({
  weights: vector,
  deltas: fc.array(vector, { minLength: 1, maxLength: 10 }),
  rangeLength: fc.integer({ min: 1, max: dimension }),
})

const updatesOf = (deltas: readonly Float32Array[]): Update[] =>
  deltas.map((delta, index) => ({ site: `site ${index}`, numExamples: 1 + 3 * index, numSteps: 1 + index, delta }))

const bench = workbench(1 << 16)

for (const spec of specs)
  test(`${JSON.stringify(spec)}: through ranges, in the same memory, it gives every bit of the whole step`, () => {
    const strategy = strategyOf(spec)
    fc.assert(
      fc.property(round, ({ weights, deltas, rangeLength }) => {
        const updates = updatesOf(deltas)
        const take = bench.begin()
        const onBench = (values: Float32Array) => {
          const place = float32Of(take(values.byteLength))
          place.set(values)
          return place
        }
        const start = initialState(strategy, dimension)
        const combination = weighed(strategy, updates, start)
        const facts = { combination, cohort: updates.length, makings: updates }
        const { needed, atOnce, begin, add, finish } = stepping(strategy, facts, {
          rangeLength,
          take,
        })
        const found = new Float32Array(dimension)
        // What a range gave is looked at only when the next has been made.
        let before = { at: 0, result: new Float32Array() }
        for (let at = 0; at < dimension; at += rangeLength) {
          const part = onBench(weights.subarray(at, at + rangeLength))
          begin(part.length, initialState(strategy, part.length))
          for (let from = 0; from < needed.length; from += atOnce)
            add(
              needed.slice(from, from + atOnce).map((k) => onBench((deltas[k] ?? part).subarray(at, at + rangeLength))),
            )
          const { result } = finish(part)
          found.set(before.result, before.at)
          before = { at, result }
        }
        found.set(before.result, before.at)
        assert.deepEqual(found, step(strategy, { weights, updates }, start).result)
      }),
    )
  })

test('a sum is made of four updates at a time, and a rule that keeps one of them needs that one', () => {
  const near = [Float32Array.of(1, 1), Float32Array.of(1, 1.5), Float32Array.of(1.5, 1), Float32Array.of(9, 9)]
  const updates = updatesOf(near)
  const neededBy = (spec: StrategySpec) => {
    const strategy = strategyOf(spec)
    const combination = weighed(strategy, updates, initialState(strategy, 2))
    const { needed, atOnce } = stepping(strategy, { combination, cohort: 4, makings: updates }, { rangeLength: 2 })
    return { needed, atOnce }
  }
  assert.deepEqual(neededBy({ fedAvg: { rate: 1 } }), { needed: [0, 1, 2, 3], atOnce: 4 })
  assert.deepEqual(neededBy({ median: { rate: 1 } }), { needed: [0, 1, 2, 3], atOnce: 4 })
  // The first is the nearest to the two others that are near.
  assert.deepEqual(neededBy({ krum: { rate: 1 } }), { needed: [0], atOnce: 4 })
})
