import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../errors.ts'
import type { Loss } from '../study/loss.ts'
// Figures of scikit-learn; fixtures/make_metrics.py says how.
import fixture from './fixtures/metrics.json' with { type: 'json' }
import { exactAuroc } from './intervals.ts'
import { type BinaryStatistic, type Statistic, scoreBins, statisticSchema } from './schema.ts'
import { binOf, mergeStatistics, type Scored, statisticOf } from './statistic.ts'
import { calibrationPoints, noValues, rocPoints, summarise } from './summary.ts'

/** One patient a record, unless said. */
const scoredOf = (scores: readonly number[], labels: readonly number[], patients?: readonly string[]): Scored => ({
  scores: Float32Array.from(scores),
  target: Float32Array.from(labels),
  patients: patients ?? labels.map((_, row) => `patient ${row}`),
})
function binaryOf(scored: Scored): BinaryStatistic {
  const statistic = statisticOf('binaryCrossEntropy', scored)
  assert.ok(statistic.kind === 'binary')
  return statistic
}
function near(found: number | null | undefined, wanted: number | null, tolerance = 1e-12): void {
  if (wanted === null) assert.equal(found, null)
  else assert.ok(typeof found === 'number' && Math.abs(found - wanted) <= tolerance, `${found} and ${wanted}`)
}

for (const wanted of fixture.binary)
  test(`binary figures are those of scikit-learn: ${wanted.name}`, () => {
    const scored = scoredOf(wanted.scores, wanted.labels)
    const statistic = binaryOf(scored)
    const found = summarise(statistic)
    near(exactAuroc(scored), wanted.auroc)
    near(found.auroc, wanted.binnedAuroc)
    near(found.brier, wanted.brier)
    near(found.accuracy, wanted.accuracy)
    // scikit-learn computes the logarithms of Float32 scores in Float32, and limits 1 − ε too.
    near(found.loss, wanted.loss, 1e-6)
    assert.equal(found.records, wanted.labels.length)

    const calibration = calibrationPoints(statistic)
    assert.equal(calibration.length, wanted.calibration.length)
    for (const [index, { predicted, observed }] of wanted.calibration.entries()) {
      near(calibration[index]?.predicted, predicted)
      near(calibration[index]?.observed, observed)
    }
    const roc = rocPoints(statistic)
    assert.equal(roc.length, wanted.roc.length)
    for (const [index, [falsePositiveRate, truePositiveRate]] of wanted.roc.entries())
      assert.deepEqual(roc[index], { falsePositiveRate, truePositiveRate })
  })

for (const wanted of fixture.multiclass)
  test(`figures of ${wanted.classes} classes are those of scikit-learn`, () => {
    const statistic = statisticOf('categoricalCrossEntropy', scoredOf(wanted.scores, wanted.labels))
    assert.ok(statistic.kind === 'multiclass')
    assert.deepEqual(statistic.confusion, wanted.confusion)
    const found = summarise(statistic)
    near(found.accuracy, wanted.accuracy)
    near(found.loss, wanted.loss)
    near(found.brier, wanted.brier)
    assert.equal(found.auroc, null)
    assert.equal(found.records, wanted.labels.length)
  })

test('figures of a number are those of scikit-learn', () => {
  const wanted = fixture.regression
  const statistic = statisticOf('meanSquaredError', scoredOf(wanted.scores, wanted.labels))
  assert.ok(statistic.kind === 'regression')
  const found = summarise(statistic)
  near(found.loss, wanted.meanSquaredError, 1e-9)
  near(found.meanSquaredError, wanted.meanSquaredError, 1e-9)
  near(found.rootMeanSquaredError, Math.sqrt(wanted.meanSquaredError), 1e-9)
  near(found.meanAbsoluteError, wanted.meanAbsoluteError, 1e-9)
  near(found.r2, wanted.r2, 1e-9)
  assert.equal(found.accuracy, null)
})

test('a score of exactly a half counts as positive, in the bins as in the exact figures', () => {
  assert.equal(binOf(0.5), scoreBins / 2)
  assert.equal(binOf(Math.fround(0.49999997)), scoreBins / 2 - 1)
  assert.deepEqual([binOf(0), binOf(1)], [0, scoreBins - 1])
  const { accuracy } = summarise(binaryOf(scoredOf([0.5, 0.5, 0.49999997], [1, 0, 0])))
  near(accuracy, 2 / 3)
})

test('patients are counted, not records', () => {
  const scored = scoredOf([0.1, 0.2, 0.9], [0, 0, 1], ['a', 'a', 'b'])
  for (const loss of ['binaryCrossEntropy', 'meanSquaredError'] as const) {
    const statistic = statisticOf(loss, scored)
    assert.deepEqual([statistic.patients, summarise(statistic).records], [2, 3])
  }
})

test('no records: no figures, and no failure', () => {
  assert.deepEqual(summarise(binaryOf(scoredOf([], []))), {
    ...noValues,
    records: 0,
    loss: null,
  })
  assert.equal(mergeStatistics([]), null)
  assert.equal(summarise(statisticOf('meanSquaredError', scoredOf([], []))).loss, null)
})

test('predictions that are not finite are refused', () => {
  for (const loss of ['binaryCrossEntropy', 'categoricalCrossEntropy', 'meanSquaredError'] as const)
    for (const score of [Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(
        () => statisticOf(loss, scoredOf([0.5, score], [0, 1])),
        (error) => error instanceof WardroundError && error.code === 'WR_WEIGHTS_NOT_FINITE',
      )
})

const probability = fc.oneof(
  fc.float({ min: 0, max: 1, noNaN: true }),
  fc.integer({ min: 0, max: 20 }).map((tick) => tick / 20),
)
const records = fc.array(fc.tuple(probability, fc.constantFrom(0, 1)), { maxLength: 60 }).map((rows) =>
  scoredOf(
    rows.map(([score]) => score),
    rows.map(([, label]) => label),
  ),
)

test('the binned AUROC is off by half the pairs in one bin, at most', () => {
  fc.assert(
    fc.property(records, (scored) => {
      const exact = exactAuroc(scored)
      const binned = summarise(binaryOf(scored)).auroc
      if (exact === null || binned === null) return assert.equal(exact, binned)
      const bins = Array.from(scored.scores, binOf)
      const [positives, negatives] = [1, 0].map((label) => bins.filter((_, row) => scored.target[row] === label))
      const together = (positives ?? []).flatMap((bin) => (negatives ?? []).filter((other) => other === bin)).length
      const pairs = (positives ?? []).length * (negatives ?? []).length
      assert.ok(Math.abs(exact - binned) <= together / (2 * pairs) + 1e-12, `${exact} and ${binned}`)
    }),
    { numRuns: 500 },
  )
})

test('the exact AUROC is the share of pairs in the right order, ties a half', () => {
  fc.assert(
    fc.property(records, (scored) => {
      let [won, pairs] = [0, 0]
      for (const [i, score] of scored.scores.entries())
        for (const [j, other] of scored.scores.entries())
          if (scored.target[i] === 1 && scored.target[j] === 0) {
            pairs++
            won += score > other ? 1 : score === other ? 0.5 : 0
          }
      near(exactAuroc(scored), pairs === 0 ? null : won / pairs)
    }),
  )
})

/** Rows cut into parts that are merged, as sites' are. */
function parted(loss: Loss, { scores, target, patients }: Scored, cuts: readonly number[]) {
  const width = target.length === 0 ? 1 : scores.length / target.length
  const edges = [0, ...cuts.map((cut) => cut % (target.length + 1)).toSorted((a, b) => a - b), target.length]
  return edges.slice(1).map((end, index) => {
    const start = edges[index] ?? 0
    return statisticOf(loss, {
      scores: scores.subarray(start * width, end * width),
      target: target.subarray(start, end),
      patients: patients.slice(start, end),
    })
  })
}
/** The only terms of both signs: all of them together are at most √(n·Σt²). */
const sizeOfTerms = (key: string, statistic: object): number =>
  key === 'targetSum' && 'targetSquareSum' in statistic && 'records' in statistic
    ? Math.sqrt(Number(statistic.records) * Number(statistic.targetSquareSum))
    : 0

/** Counts must be equal, sums but for rounding: of terms that cancel each other, no more is left of the sum than of the largest of them. */
function alike(found: unknown, wanted: unknown, { key = '', size = 0 } = {}): void {
  if (typeof wanted === 'number' && typeof found === 'number' && key.endsWith('Sum'))
    near(found, wanted, 1e-12 * (1 + Math.abs(wanted) + size))
  else if (typeof wanted === 'object' && wanted !== null && typeof found === 'object' && found !== null) {
    assert.deepEqual(Object.keys(found).toSorted(), Object.keys(wanted).toSorted(), key)
    const inside = new Map<string, unknown>(Object.entries(found))
    for (const [key, value] of Object.entries(wanted))
      alike(inside.get(key), value, { key, size: sizeOfTerms(key, wanted) })
  } else assert.equal(found, wanted, key)
}

test('merging the parts gives the statistic of the whole, and what is sent can be read', () => {
  const cuts = fc.array(fc.nat(), { maxLength: 3 })
  const kinds = fc.oneof(
    records.map((scored) => ({ loss: 'binaryCrossEntropy' as const, scored })),
    fc
      .array(fc.tuple(fc.float({ min: -1e6, max: 1e6, noNaN: true }), fc.float({ min: -1e6, max: 1e6, noNaN: true })))
      .map((rows) => ({
        loss: 'meanSquaredError' as const,
        scored: scoredOf(
          rows.map(([score]) => score),
          rows.map(([, truth]) => truth),
        ),
      })),
    fc
      .array(fc.tuple(fc.constantFrom(0, 1, 2), fc.array(probability, { minLength: 3, maxLength: 3 })), {
        minLength: 1,
        maxLength: 30,
      })
      .map((rows) => ({
        loss: 'categoricalCrossEntropy' as const,
        scored: scoredOf(
          rows.flatMap(([, scores]) => {
            const sum = scores.reduce((total, score) => total + score, 0)
            return scores.map((score) => (sum === 0 ? 1 / 3 : score / sum))
          }),
          rows.map(([label]) => label),
        ),
      })),
  )
  fc.assert(
    fc.property(kinds, cuts, ({ loss, scored }, cuts) => {
      const whole = statisticOf(loss, scored)
      const parts = parted(loss, scored, cuts).filter(
        (part) => part.kind !== 'multiclass' || part.confusion.length === 3,
      )
      alike(mergeStatistics(parts), whole)
      for (const statistic of [whole, ...parts])
        assert.deepEqual(statisticSchema.parse(JSON.parse(JSON.stringify(statistic))), statistic)
    }),
    { numRuns: 300 },
  )
})

test('what is measured depends on what is predicted, not on which of its losses trains', () => {
  const scored = scoredOf([0.25, 0.75], [0, 1])
  for (const loss of [{ binaryFocalCrossEntropy: { gamma: 2, alpha: 0.25 } }])
    assert.deepEqual(statisticOf(loss, scored), statisticOf('binaryCrossEntropy', scored))
  for (const loss of ['meanAbsoluteError', { huber: { delta: 1 } }] as const)
    assert.deepEqual(statisticOf(loss, scored), statisticOf('meanSquaredError', scored))
  const classes = { ...scoredOf([0, 0], [0, 1]), scores: Float32Array.of(0.75, 0.25, 0.5, 0.5) }
  for (const loss of [
    { categoricalFocalCrossEntropy: { gamma: 2 } },
    { categoricalCrossEntropy: { labelSmoothing: 0.1 } },
    { categoricalCrossEntropy: { logitAdjustment: 1 } },
  ])
    assert.deepEqual(statisticOf(loss, classes), statisticOf('categoricalCrossEntropy', classes))
})

test('statistics of different kinds do not merge', () => {
  const three = statisticOf('categoricalCrossEntropy', scoredOf([0.2, 0.3, 0.5], [2]))
  const two = statisticOf('categoricalCrossEntropy', scoredOf([0.5, 0.5], [1]))
  const binary = binaryOf(scoredOf([0.5], [1]))
  const pairs: [Statistic, Statistic][] = [
    [binary, three],
    [two, three],
    [statisticOf('meanSquaredError', scoredOf([1], [1])), binary],
  ]
  for (const pair of pairs)
    assert.throws(
      () => mergeStatistics(pair),
      (error) => error instanceof WardroundError && error.code === 'WR_BODY_INVALID',
    )
})
