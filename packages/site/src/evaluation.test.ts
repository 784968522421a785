import assert from 'node:assert/strict'
import { test } from 'node:test'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import { compare } from './evaluation.ts'
import { testPlan } from './testing/hospital.ts'

const target = Float32Array.of(0, 1, 0, 1)
const inputs = { features: new Float32Array(4), rows: 4, width: 1, target, patients: ['a', 'b', 'c', 'd'] }
const scores = [Float32Array.of(0.2, 0.4, 0.6, 0.8), Float32Array.of(0.1, 0.9, 0.2, 0.7)]

test('figures that the study does not ask for leave no hospital, nor their differences', () => {
  const counted = { value: null, low: null, high: null, n: 4 }
  const { study } = validatePlan({ ...testPlan, evaluate: ['brier'] })
  const { results, differences } = compare(study, { scores, inputs, labels: ['asked'] })
  for (const own of [...results, ...differences]) {
    assert.deepEqual([own.accuracy, own.auroc], [counted, counted])
    assert.equal(typeof own.brier.value, 'number')
    assert.equal(typeof own.brier.low, 'number')
  }
  const every = compare(validatePlan(testPlan).study, { scores, inputs, labels: ['asked'] })
  assert.deepEqual(every.results[1]?.accuracy.value, 1)
  assert.deepEqual(every.differences[0]?.brier, differences[0]?.brier)
})
