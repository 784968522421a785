import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Estimate } from '../metrics/schema.ts'
import { askedIn, shownMetrics, verdictOf } from './metrics.ts'
import { sampleResults } from './testing/sample-results.ts'

const unknown: Estimate = { value: null, low: null, high: null, n: null }
const nothing = { accuracy: unknown, auroc: unknown, brier: unknown }
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

test('errors are better when they are lower, and R² when it is higher', () => {
  assert.equal(verdictOf('meanAbsoluteError', difference(0.01, 0.05)), 'worse')
  assert.equal(verdictOf('rootMeanSquaredError', difference(-0.05, -0.01)), 'better')
  assert.equal(verdictOf('r2', difference(0.01, 0.05)), 'better')
})

test('a figure is shown that any hospital shows', () => {
  const { sites, overall, plan } = sampleResults({ rounds: 1 })
  const [first, ...others] = sites
  assert.ok(first)
  assert.deepEqual(shownMetrics({ sites, overall, plan }), ['accuracy', 'auroc', 'brier'])
  const bare = { ...first.local, auroc: unknown, brier: unknown }
  const models = { local: bare, federated: bare, centralised: null }
  assert.deepEqual(shownMetrics({ sites: [{ ...first, ...models }], overall: models, plan }), ['accuracy'])
  assert.deepEqual(shownMetrics({ sites: [{ ...first, ...models }, ...others], overall: models, plan }), [
    'accuracy',
    'auroc',
    'brier',
  ])
})

test('where all is hidden, what the plan asks for is named', () => {
  const hidden = { ...nothing, statistic: null }
  const overall = { local: hidden, federated: hidden, centralised: null }
  const numbers = sampleResults({ rounds: 1, numbers: true })
  const all = ['meanAbsoluteError', 'rootMeanSquaredError', 'r2']
  assert.deepEqual(shownMetrics({ ...numbers, sites: [], overall }), all)
  assert.deepEqual(askedIn(numbers), all)
  const plan = { ...numbers.plan, evaluate: ['r2', 'meanSquaredError', 'r2'] }
  assert.deepEqual(shownMetrics({ sites: [], overall, plan }), ['r2', 'meanSquaredError'])
  // What nobody asked for has no column, whatever a result holds.
  assert.deepEqual(shownMetrics({ ...numbers, plan: { ...numbers.plan, evaluate: ['r2'] } }), ['r2'])
})
