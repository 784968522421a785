import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../errors.ts'
// Intervals of NumPy and SciPy; fixtures/make_metrics.py says how.
import fixture from './fixtures/metrics.json' with { type: 'json' }
import { bootstrap as bootstrapOf, exactAuroc, percentiles, pooledEstimates } from './intervals.ts'
import { estimateSchema, type Statistic } from './schema.ts'
import { mergeStatistics, type Scored, statisticOf } from './statistic.ts'
import { near } from './testing/near.ts'

const names = ['accuracy', 'auroc', 'brier'] as const
type Labels = readonly (string | number)[]
const bootstrap = (models: readonly Scored[], labels: Labels, replicates?: number) =>
  bootstrapOf(models, labels, { outcome: 'binary', ...(replicates === undefined ? {} : { replicates }) })
const bootstrapClasses = (models: readonly Scored[], labels: Labels, replicates = 1000) =>
  bootstrapOf(models, labels, { outcome: 'multiclass', replicates })

const scoredOf = (
  scores: readonly number[],
  labels: readonly number[],
  patients?: readonly (string | number)[],
): Scored => ({
  scores: Float32Array.from(scores),
  target: Float32Array.from(labels),
  patients: (patients ?? labels.map((_, row) => row)).map(String),
})
const statisticsOf = (scored: Scored): Statistic => statisticOf('binaryCrossEntropy', scored)

test('percentiles are those of NumPy', () => {
  const { values, low, high } = fixture.percentiles
  near(percentiles(values), { low, high }, 1e-12)
  assert.deepEqual(percentiles([3]), { low: 3, high: 3 })
  // 41 values 0 … 40: places 0.025·40 = 1 and 0.975·40 = 39.
  assert.deepEqual(percentiles(Array.from({ length: 41 }, (_, i) => 40 - i)), { low: 1, high: 39 })
})

test('intervals over patients, alone and of a difference, are those of another program', () => {
  const { labels, models, patients, estimates, difference } = fixture.bootstrap
  const found = bootstrap(
    models.map((scores) => scoredOf(scores, labels, patients)),
    ['a study', 7],
    20_000,
  )
  // The 2.5th percentile of 20,000 normal draws has a standard error of √(0.025·0.975/20,000)/φ(1.96) = 0.019 standard deviations,
  // that of the 40,000 in the fixture 0.013: 0.12 is five of both together. Accuracy has steps of about 1/120 besides.
  const allowed = (name: (typeof names)[number], sd: number) => 0.12 * sd + (name === 'accuracy' ? 0.002 : 0)
  for (const name of names) {
    for (const [model, wanted] of estimates.entries())
      near(found.estimates[model]?.[name], wanted[name], allowed(name, wanted[name].sd))
    near(found.differences[0]?.[name], difference[name], allowed(name, difference[name].sd))
    assert.equal(found.estimates[0]?.[name].n, new Set(patients).size)
  }
  const [first, second] = found.estimates
  for (const name of names)
    assert.equal(found.differences[0]?.[name].value, (second?.[name].value ?? 0) - (first?.[name].value ?? 0))
})

test('the interval of accuracy is that of a binomial, where every patient has one record', () => {
  for (const { n, right, low, high } of fixture.binomial) {
    const labels = Array.from({ length: n }, (_, row) => row % 2)
    const scored = scoredOf(
      labels.map((label, row) => (row < right ? label : 1 - label)),
      labels,
    )
    const sd = Math.sqrt(((right / n) * (1 - right / n)) / n)
    // Five standard errors of a percentile of 10,000 draws (0.027 each), and one step.
    near(bootstrap([scored], ['binomial'], 10_000).estimates[0]?.accuracy, { low, high }, 0.14 * sd + 1 / n)
    // Of 1,000 draws: 0.085 each.
    const statistic = statisticsOf(scored)
    near(pooledEstimates([statistic], statistic, ['binomial']).accuracy, { low, high }, 0.43 * sd + 1 / n)
  }
})

test('records of one patient are drawn together', () => {
  // Twenty patients of ten equal records are twenty facts, not two hundred.
  const rows = Array.from({ length: 200 }, (_, row) => Math.floor(row / 10))
  const labels = rows.map((patient) => patient % 2)
  const scores = rows.map((patient) => (patient < 5 ? 1 - (patient % 2) : patient % 2))
  const width = (patients: readonly number[]): number => {
    const { low, high } = bootstrap([scoredOf(scores, labels, patients)], ['cluster']).estimates[0]?.accuracy ?? {}
    return (high ?? 0) - (low ?? 0)
  }
  const ratio = width(rows) / width(rows.map((_, row) => row))
  // √10 = 3.16 as wide.
  assert.ok(ratio > 2.6 && ratio < 3.8, `${ratio}`)
  const one = bootstrap([scoredOf([0.2, 0.7, 0.6], [0, 1, 0], ['a', 'a', 'a'])], ['one']).estimates[0]
  assert.deepEqual(one?.accuracy, { value: 2 / 3, low: 2 / 3, high: 2 / 3, n: 1 })
})

test('the same labels give the same interval, others another', () => {
  const scored = scoredOf(fixture.bootstrap.models[0] ?? [], fixture.bootstrap.labels)
  assert.deepEqual(bootstrap([scored], ['a', 1]), bootstrap([scored], ['a', 1]))
  assert.notDeepEqual(bootstrap([scored], ['a', 1]), bootstrap([scored], ['a', 2]))
  const statistic = statisticsOf(scored)
  assert.deepEqual(pooledEstimates([statistic], statistic, ['a']), pooledEstimates([statistic], statistic, ['a']))
})

test('a score of exactly a half counts as positive in every resample', () => {
  const scored = scoredOf([0.5, 0.5, Math.fround(0.49999997)], [1, 1, 0])
  const statistic = statisticsOf(scored)
  for (const { accuracy } of [...bootstrap([scored], ['half']).estimates, pooledEstimates([statistic], statistic, [1])])
    assert.deepEqual(accuracy, { value: 1, low: 1, high: 1, n: 3 })
})

test('a model does not differ from itself', () => {
  const scored = scoredOf(fixture.bootstrap.models[0] ?? [], fixture.bootstrap.labels)
  const { differences } = bootstrap([scored, scored], ['same'])
  for (const name of names) assert.deepEqual(differences[0]?.[name], { value: 0, low: 0, high: 0, n: 120 })
})

test('one class has no AUROC, and says how many patients that is about', () => {
  const { estimates, differences } = bootstrap(
    [scoredOf([0.3, 0.8, 0.9], [1, 1, 1]), scoredOf([0.6, 0.8, 0.9], [1, 1, 1])],
    ['one class'],
  )
  for (const estimate of [estimates[0]?.auroc, differences[0]?.auroc])
    assert.deepEqual(estimate, { value: null, low: null, high: null, n: 3 })
  assert.equal(estimates[0]?.accuracy.value, 2 / 3)
  assert.equal(typeof estimates[0]?.accuracy.low, 'number')
})

test('resamples of one class are left out, and the others still give an interval', () => {
  // One ill patient of four: (3/4)^4 = 32 % of the resamples have none.
  const auroc = bootstrap([scoredOf([0.1, 0.4, 0.6, 0.5], [0, 0, 0, 1])], ['rare']).estimates[0]?.auroc
  assert.equal(auroc?.value, 2 / 3)
  // Only 0.5 against 0.6 can be wrong: from no pair right to all.
  assert.deepEqual([auroc?.low, auroc?.high], [0, 1])
})

test('no records: no figures, and no failure', () => {
  const none = { value: null, low: null, high: null, n: 0 }
  assert.deepEqual(bootstrap([scoredOf([], [])], ['none']).estimates, [{ accuracy: none, auroc: none, brier: none }])
  const statistic = statisticsOf(scoredOf([], []))
  assert.deepEqual(pooledEstimates([statistic], statistic, ['none']), { accuracy: none, auroc: none, brier: none })
  const hidden = { ...none, n: null }
  assert.deepEqual(pooledEstimates([], null, ['none']), { accuracy: hidden, auroc: hidden, brier: hidden })
})

test('predictions that are not finite are refused, and never loop', () => {
  const scored = scoredOf([0.1, Number.NaN, 0.3], [0, 1, 1])
  for (const attempt of [() => exactAuroc(scored), () => bootstrap([scored], ['NaN'])])
    assert.throws(attempt, (error) => error instanceof WardroundError && error.code === 'WR_WEIGHTS_NOT_FINITE')
})

test('whatever the records, an estimate can be sent, and its interval is in order', () => {
  const rows = fc.array(
    fc.tuple(fc.float({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1), fc.nat({ max: 5 })),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(rows, (rows) => {
      const scored = scoredOf(
        rows.map(([score]) => score),
        rows.map(([, label]) => label),
        rows.map(([, , patient]) => patient),
      )
      const statistic = statisticsOf(scored)
      const { estimates, differences } = bootstrap([scored, scored], ['any'], 50)
      for (const all of [...estimates, ...differences, pooledEstimates([statistic], statistic, ['any'])])
        for (const name of names) {
          const { low, high } = estimateSchema.parse(all[name])
          assert.ok((low === null) === (high === null) && (low ?? 0) <= (high ?? 0))
        }
    }),
    { numRuns: 40 },
  )
})

/** The 2.5th and 97.5th percentile of two independent binomials' sum, by convolution. */
function twoBinomials(n: number, p: number): { low: number; high: number } {
  const one = [(1 - p) ** n]
  for (let k = 1; k <= n; k++) one.push((one[k - 1] ?? 0) * ((n - k + 1) / k) * (p / (1 - p)))
  const sums = Array.from({ length: 2 * n + 1 }, (_, k) =>
    one.reduce((sum, share, i) => sum + share * (one[k - i] ?? 0), 0),
  )
  const at = (share: number): number => {
    let [below, right] = [sums[0] ?? 0, 0]
    while (below < share) {
      right++
      below += sums[right] ?? 1
    }
    return right
  }
  return { low: at(0.025) / (2 * n), high: at(0.975) / (2 * n) }
}

test('hospitals are resampled independently of one another', () => {
  // Two of the very same counts: with one stream for both they would move together, and the interval be √2 too wide.
  const labels = Array.from({ length: 100 }, (_, row) => row % 2)
  const scores = labels.map((label, row) => (row < 75 ? label : 1 - label))
  const statistic = statisticsOf(scoredOf(scores, labels))
  const merged = mergeStatistics([statistic, statistic])
  const { accuracy } = pooledEstimates([statistic, statistic], merged, ['two'])
  const sd = Math.sqrt((0.75 * 0.25) / 200)
  near(accuracy, twoBinomials(100, 0.75), 0.43 * sd + 1 / 200)
  assert.ok((accuracy.high ?? 1) - (accuracy.low ?? 0) < 2 * 1.96 * sd * 1.2)
  assert.deepEqual([accuracy.value, accuracy.n], [0.75, 200])
})

test('intervals from histograms are those of the binned scores', () => {
  const { labels, models } = fixture.bootstrap
  for (const scores of models) {
    const centres = scores.map((score) => (Math.floor(score * 200) + 0.5) / 200)
    const fromRecords = bootstrap([scoredOf(centres, labels)], ['records'], 10_000).estimates[0]
    const statistic = statisticsOf(scoredOf(centres, labels))
    const pooled = pooledEstimates([statistic], statistic, ['histogram'])
    for (const name of names) {
      const { low, high, value } = fromRecords?.[name] ?? { low: null, high: null, value: null }
      const sd = ((high ?? 0) - (low ?? 0)) / 3.92
      assert.ok(Math.abs((pooled[name].value ?? 0) - (value ?? 1)) < 1e-6)
      near(pooled[name], { low, high }, 0.45 * sd)
    }
  }
})

test('a hospital of a trillion records takes no longer, and has a narrow interval', () => {
  const count = 2 ** 40
  const statistic: Statistic = {
    kind: 'binary',
    negative: [{ bin: 20, count, scoreSum: 0.1 * count, squaredErrorSum: 0.01 * count }],
    positive: [
      { bin: 20, count, scoreSum: 0.1 * count, squaredErrorSum: 0.81 * count },
      { bin: 180, count, scoreSum: 0.9 * count, squaredErrorSum: 0.01 * count },
    ],
    lossSum: 0,
    patients: count,
  }
  const { accuracy, auroc } = pooledEstimates([statistic], statistic, ['large'])
  near(accuracy, { low: 2 / 3, high: 2 / 3 }, 1e-5)
  // One pair in two is tied, the other right.
  near(auroc, { low: 3 / 4, high: 3 / 4 }, 1e-5)
})

/** [rows, 3] probabilities of which the greatest is right or wrong. */
function classesOf(right: readonly boolean[], patients?: readonly number[]): Scored {
  const target = right.map((_, row) => row % 3)
  const scores = right.flatMap((isRight, row) => {
    const told = isRight ? row % 3 : (row + 1) % 3
    return [0, 1, 2].map((index) => (index === told ? 0.5 : 0.25))
  })
  return scoredOf(scores, target, patients)
}

test('of several classes, accuracy and the Brier score have the intervals of their records', () => {
  const right = Array.from({ length: 300 }, (_, row) => row % 10 < 7)
  const scored = classesOf(right)
  // A record's squares: told right ¼ + 2/16, wrong 9/16 + ¼ + 1/16.
  const squares = right.map((isRight) => (isRight ? 0.375 : 0.875))
  const sd = Math.sqrt((0.7 * 0.3) / 300)
  const { accuracy, brier, auroc } = bootstrapClasses([scored], ['classes'], 10_000).estimates[0] ?? {}
  assert.equal(accuracy?.value, 0.7)
  assert.ok(Math.abs((brier?.value ?? 0) - squares.reduce((sum, own) => sum + own, 0) / 300) < 1e-12)
  // A mean of 300 is nearly normal; 0.14 as above, and a step of accuracy.
  const bounds = (mean: number, deviation: number) => ({ low: mean - 1.96 * deviation, high: mean + 1.96 * deviation })
  near(accuracy, bounds(0.7, sd), 0.14 * sd + 1 / 300)
  near(brier, bounds(brier?.value ?? 0, sd / 2), 0.07 * sd + 1 / 600)
  assert.equal(auroc?.value, null)
  const statistic = statisticOf('categoricalCrossEntropy', scored)
  const pooled = pooledEstimates([statistic, statistic], mergeStatistics([statistic, statistic]), ['classes'])
  const half = sd / Math.SQRT2
  near(pooled.accuracy, bounds(0.7, half), 0.43 * half + 1 / 600)
  assert.deepEqual(pooled.brier, { value: brier?.value, low: null, high: null, n: 600 })
})

test('of several classes, a patient’s records are drawn together, and differences are paired', () => {
  const right = Array.from({ length: 60 }, (_, row) => row % 2 === 0)
  const { estimates, differences } = bootstrapClasses(
    [
      classesOf(
        right,
        right.map((_, row) => row >> 1),
      ),
      classesOf(
        right,
        right.map((_, row) => row >> 1),
      ),
    ],
    ['pairs'],
  )
  // Each patient has one of either: every resample has half of them right.
  assert.deepEqual(estimates[0]?.accuracy, { value: 0.5, low: 0.5, high: 0.5, n: 30 })
  assert.deepEqual(differences[0]?.accuracy, { value: 0, low: 0, high: 0, n: 30 })
  assert.throws(() => bootstrapClasses([scoredOf([Number.NaN, 1, 0, 0, 1, 0], [0, 1])], ['NaN']), WardroundError)
})
