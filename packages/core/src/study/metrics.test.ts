import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { figureWords } from '../words/en/figures.ts'
import type { Loss } from './loss.ts'
import { askedMetrics, everyMetric, type MetricName, metricNames, metricsOf, stopMetricsOf } from './metrics.ts'
import type { Outcome } from './outcome.ts'

const losses: Readonly<Record<Outcome, Loss>> = {
  binary: 'binaryCrossEntropy',
  multiclass: 'categoricalCrossEntropy',
  regression: { huber: { delta: 1 } },
  survival: 'coxPartialLikelihood',
  segmentation: { dice: { squared: true } },
}
const outcomes = Object.keys(losses) as readonly Outcome[]
const asked = (outcome: Outcome, evaluate: readonly MetricName[]) =>
  askedMetrics({ training: { loss: losses[outcome] }, evaluate })

test('each outcome has its figures, in their order', () => {
  const found = Object.fromEntries(outcomes.map((outcome) => [outcome, asked(outcome, everyMetric)]))
  assert.deepEqual(found, {
    binary: ['accuracy', 'auroc', 'brier'],
    multiclass: ['accuracy', 'brier'],
    regression: ['meanAbsoluteError', 'rootMeanSquaredError', 'r2'],
    survival: ['concordance'],
    segmentation: ['dice', 'iou'],
  })
  for (const metric of metricNames) {
    assert.ok(outcomes.some((outcome) => metricsOf(outcome).includes(metric)))
    assert.notEqual(figureWords.metric(metric), '')
  }
})

test('what is named is asked for, in the order of the table, and nothing else is', () => {
  fc.assert(
    fc.property(fc.constantFrom(...outcomes), fc.infiniteStream(fc.boolean()), (outcome, wanted) => {
      const fitting = metricsOf(outcome)
      const named = fitting.filter(() => wanted.next().value === true)
      if (named.length > 0) assert.deepEqual(asked(outcome, [...named.toReversed(), ...named]), named)
    }),
  )
})

test('a stop rule goes by the loss, and by figures that the outcome has', () => {
  assert.deepEqual(outcomes.map(stopMetricsOf), [
    ['loss', 'accuracy', 'auroc', 'brier'],
    ['loss', 'accuracy', 'brier'],
    ['loss', 'meanAbsoluteError', 'rootMeanSquaredError'],
    ['loss', 'concordance'],
    ['loss', 'dice', 'iou'],
  ])
})
