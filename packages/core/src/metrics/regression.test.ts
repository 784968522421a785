/** Of numbers: the figures of one hospital with their intervals, and of several from their sums. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../errors.ts'
import { estimateIn, noEstimates, onlyAsked } from './estimates.ts'
// Intervals of NumPy; fixtures/make_metrics.py says how.
import fixture from './fixtures/metrics.json' with { type: 'json' }
import { bootstrap, pooledEstimates } from './intervals.ts'
import { estimateSchema } from './schema.ts'
import { mergeStatistics, type Scored, statisticOf } from './statistic.ts'
import { summarise } from './summary.ts'
import { near } from './testing/near.ts'

const names = ['meanAbsoluteError', 'rootMeanSquaredError', 'r2', 'meanSquaredError'] as const
const scoredOf = (scores: readonly number[], truths: readonly number[], patients?: readonly number[]): Scored => ({
  scores: Float32Array.from(scores),
  target: Float32Array.from(truths),
  patients: (patients ?? [...truths.keys()]).map(String),
})
const statisticIn = (scored: Scored) => statisticOf('meanSquaredError', scored)
const ofNumbers = (models: readonly Scored[], labels: readonly string[], replicates = 1000) =>
  bootstrap(models, labels, { outcome: 'regression', replicates })

test('by hand: errors 1, −1 and 4 of truths 0, 2 and 4', () => {
  const found = summarise(statisticIn(scoredOf([1, 1, 8], [0, 2, 4])))
  assert.equal(found.meanAbsoluteError, 2)
  assert.equal(found.meanSquaredError, 6)
  assert.equal(found.rootMeanSquaredError, Math.sqrt(6))
  // 1 − 18 / 8: the truths are 2, 0 and 2 from their mean.
  assert.equal(found.r2, -1.25)
  assert.equal(found.loss, 6)
})

test('truths that are all alike leave nothing to explain, however many and whatever they are', () => {
  fc.assert(
    fc.property(fc.float({ min: -1e6, max: 1e6, noNaN: true }), fc.integer({ min: 1, max: 3000 }), (truth, size) => {
      const truths = new Array<number>(size).fill(truth)
      const scored = scoredOf(
        truths.map((value) => value + 1),
        truths,
      )
      assert.equal(summarise(statisticIn(scored)).r2, null)
    }),
    { numRuns: 60 },
  )
  const r2 = ofNumbers([scoredOf([1, 2], [5, 5])], ['alike'], 20).estimates[0]?.r2
  assert.deepEqual(r2, { value: null, low: null, high: null, n: 2 })
})

test('intervals over patients, alone and of a difference, are those of another program', () => {
  const { labels, models, patients, estimates, difference } = fixture.numbers
  const found = ofNumbers(
    models.map((scores) => scoredOf(scores, labels, patients)),
    ['numbers'],
    20_000,
  )
  // As in intervals.test.ts: five standard errors of both programs' percentiles.
  for (const name of ['meanAbsoluteError', 'rootMeanSquaredError', 'r2'] as const) {
    for (const [model, wanted] of estimates.entries())
      near(found.estimates[model]?.[name], wanted[name], 0.15 * wanted[name].sd)
    near(found.differences[0]?.[name], difference[name], 0.15 * difference[name].sd)
    assert.equal(found.estimates[0]?.[name]?.n, new Set(patients).size)
  }
})

/** Any few records of a few patients. */
const rows = fc.array(
  fc.record({
    score: fc.float({ min: -100, max: 100, noNaN: true }),
    truth: fc.integer({ min: -50, max: 50 }),
    patient: fc.nat({ max: 5 }),
  }),
  { minLength: 1, maxLength: 12 },
)
const scoredRows = (list: readonly { score: number; truth: number; patient: number }[]): Scored =>
  scoredOf(
    list.map(({ score }) => score),
    list.map(({ truth }) => truth),
    list.map(({ patient }) => patient),
  )

test('whatever the records: figures as in their sums, intervals in order, and of several together those of all', () => {
  fc.assert(
    fc.property(rows, rows, (a, b) => {
      const [scored, other] = [scoredRows(a), scoredRows(b)]
      const { estimates, differences } = ofNumbers([scored, scored], ['any'], 40)
      const statistic = statisticIn(scored)
      for (const name of names) {
        const estimate = estimateSchema.parse(estimates[0]?.[name])
        assert.equal(estimate.value, summarise(statistic)[name])
        assert.ok((estimate.low ?? 0) <= (estimate.high ?? 0))
        assert.equal(differences[0]?.[name]?.value, estimate.value === null ? null : 0)
      }
      const parts = [statistic, statisticIn(other)]
      const pooled = pooledEstimates(parts, mergeStatistics(parts), ['any'])
      const whole = summarise(statisticIn(scoredRows([...a, ...b])))
      for (const name of names) {
        const [value, wanted] = [pooled[name]?.value ?? null, whole[name]]
        if (value === null || wanted === null) assert.equal(value, wanted)
        else assert.ok(Math.abs(value - wanted) <= 1e-9 * Math.max(1, Math.abs(wanted)), `${name}: ${value}, ${wanted}`)
      }
    }),
    { numRuns: 100 },
  )
})

test('of all together the mean absolute error has the interval of a bootstrap of each hospital’s records', () => {
  const { labels, models } = fixture.numbers
  const scored = scoredOf(models[0] ?? [], labels)
  const alone = ofNumbers([scored], ['records'], 10_000).estimates[0]?.meanAbsoluteError
  const statistic = statisticIn(scored)
  const pooled = pooledEstimates([statistic], statistic, ['sums'])
  const width = (alone?.high ?? 0) - (alone?.low ?? 0)
  // The percentiles of a mean of 120 skewed errors are not quite those of a normal.
  near(pooled.meanAbsoluteError, { low: alone?.low ?? null, high: alone?.high ?? null }, 0.06 * width)
  // Hospitals that differ: the deviation is of each from its own mean. Errors 0 and 2 here, 8 and 10 there: one each.
  const two = [statisticIn(scoredOf([1, 4], [1, 2])), statisticIn(scoredOf([8, 11], [0, 1]))]
  const { meanAbsoluteError, rootMeanSquaredError, r2 } = pooledEstimates(two, mergeStatistics(two), ['two'])
  // Errors 0, 2 and 8, 10: mean 5, deviations of 1; √4 / 4 is the standard error.
  near(meanAbsoluteError, { low: 5 - 1.96 / 2, high: 5 + 1.96 / 2 }, 1e-4)
  for (const estimate of [rootMeanSquaredError, r2])
    assert.deepEqual([estimate?.low, estimate?.high, estimate?.n], [null, null, 4])
  // No error is less than none.
  const small = [statisticIn(scoredOf([1, 2, 9], [1, 2, 3]))]
  assert.equal(pooledEstimates(small, mergeStatistics(small), ['small']).meanAbsoluteError?.low, 0)
})

test('predictions that are not finite are refused', () => {
  assert.throws(
    () => ofNumbers([scoredOf([1, Number.NaN], [0, 1])], ['NaN']),
    (error) => error instanceof WardroundError && error.code === 'WR_WEIGHTS_NOT_FINITE',
  )
})

test('only what was asked for is left, and how many patients it is about', () => {
  const { estimates } = ofNumbers([scoredOf([1, 2, 3], [1, 3, 5])], ['asked'], 20)
  const [all = noEstimates] = estimates
  const counted = { value: null, low: null, high: null, n: 3 }
  const first = { accuracy: counted, auroc: counted, brier: counted }
  assert.deepEqual(onlyAsked(all, ['r2']), { ...first, r2: all.r2 })
  const binary = bootstrap([scoredOf([0.1, 0.7, 0.6], [0, 1, 0])], ['asked'], { outcome: 'binary', replicates: 20 })
  const { accuracy } = binary.estimates[0] ?? noEstimates
  assert.deepEqual(onlyAsked(binary.estimates[0] ?? noEstimates, ['accuracy']), { ...first, accuracy })
  assert.deepEqual(onlyAsked(noEstimates, ['accuracy', 'r2']), noEstimates)
})

test('a figure that a result does not have is that of its statistic, and without one there is none', () => {
  const statistic = statisticIn(scoredOf([1, 1, 8], [0, 2, 4]))
  const bare = { low: null, high: null, n: 3 }
  assert.deepEqual(estimateIn({ ...noEstimates, statistic }, 'meanAbsoluteError'), { value: 2, ...bare })
  assert.equal(estimateIn({ ...noEstimates, statistic: null }, 'meanAbsoluteError').value, null)
  assert.equal(estimateIn(noEstimates, 'meanAbsoluteError').n, null)
})
