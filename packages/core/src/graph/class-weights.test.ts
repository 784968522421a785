import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { resolveClassWeights } from './class-weights.ts'

const classes = ['negative', 'positive']

test('without class weights every example weighs one', () => {
  assert.equal(resolveClassWeights(undefined, { target: Float32Array.of(0, 1), classes }), undefined)
})

test('given weights go by label, in the order of the classes; a label that is left out weighs one', () => {
  const target = Float32Array.of(0, 1)
  assert.deepEqual(resolveClassWeights({ positive: 2.5, negative: 0.5 }, { target, classes }), [0.5, 2.5])
  assert.deepEqual(resolveClassWeights({ positive: 3 }, { target, classes }), [1, 3])
  assert.deepEqual(resolveClassWeights({ other: 3 }, { target, classes }), [1, 1])
})

test('balanced: n / (classes · n_class)', () => {
  // 4 / (2·3) and 4 / (2·1).
  assert.deepEqual(resolveClassWeights('balanced', { target: Float32Array.of(0, 0, 1, 0), classes }), [2 / 3, 2])
  assert.deepEqual(
    resolveClassWeights('balanced', { target: Float32Array.of(2, 0, 2, 2), classes: ['a', 'b', 'c'] }),
    // 4 / (3·1); no b; 4 / (3·3).
    [4 / 3, 0, 4 / 9],
  )
})

test('balanced: every class that a site has pulls alike, and all examples together as without weights', () => {
  const labels = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(labels, (values) => {
      const target = Float32Array.from(values)
      const weights = resolveClassWeights('balanced', { target, classes: ['a', 'b', 'c'] }) ?? []
      const pulls = weights.map((weight, label) => weight * values.filter((value) => value === label).length)
      for (const [label, pull] of pulls.entries())
        assert.ok(Math.abs(pull - (values.includes(label) ? values.length / 3 : 0)) < 1e-9)
    }),
  )
})
