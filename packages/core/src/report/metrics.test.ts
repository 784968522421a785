import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Estimate } from '../metrics/schema.ts'
import { errorOf, knownMetrics, verdictOf } from './metrics.ts'
import { sampleResults } from './testing/sample-results.ts'

const unknown: Estimate = { value: null, low: null, high: null, n: null }
const difference = (low: number, high: number): Estimate => ({ value: (low + high) / 2, low, high, n: 40 })

test('joining helped or harmed only where the interval of the difference leaves zero out', () => {
  assert.equal(verdictOf('accuracy', difference(0.01, 0.05)), 'better')
  assert.equal(verdictOf('auroc', difference(-0.05, -0.01)), 'worse')
  assert.equal(verdictOf('accuracy', difference(-0.01, 0.05)), 'unclear')
  assert.equal(verdictOf('accuracy', difference(0, 0.05)), 'unclear')
  assert.equal(verdictOf('accuracy', difference(-0.05, 0)), 'unclear')
})

test('a Brier score is better when it is lower', () => {
  assert.equal(verdictOf('brier', difference(0.01, 0.05)), 'worse')
  assert.equal(verdictOf('brier', difference(-0.05, -0.01)), 'better')
})

test('nothing is said where there is no interval', () => {
  assert.equal(verdictOf('accuracy', unknown), undefined)
  assert.equal(verdictOf('accuracy', { value: 0.1, low: null, high: null, n: 9 }), undefined)
})

test('a metric is known that any hospital shows', () => {
  const { sites, overall } = sampleResults({ rounds: 1 })
  const [first, ...others] = sites
  assert.ok(first)
  assert.deepEqual(knownMetrics({ sites, overall }), ['accuracy', 'auroc', 'brier'])
  const bare = { ...first.local, auroc: unknown, brier: unknown }
  const models = { local: bare, federated: bare, centralised: null }
  assert.deepEqual(knownMetrics({ sites: [{ ...first, ...models }], overall: models }), ['accuracy'])
  assert.deepEqual(knownMetrics({ sites: [{ ...first, ...models }, ...others], overall: models }), [
    'accuracy',
    'auroc',
    'brier',
  ])
})

test('the error of a model of numbers is the mean of its squares', () => {
  const sums = { squaredErrorSum: 12, absoluteErrorSum: 4, targetSum: 6, targetSquareSum: 20 }
  const statistic = { kind: 'regression', records: 4, patients: 3, ...sums } as const
  const figures = { accuracy: unknown, auroc: unknown, brier: unknown }
  assert.equal(errorOf({ ...figures, statistic }), 3)
  assert.equal(errorOf({ ...figures, statistic: null }), null)
})
