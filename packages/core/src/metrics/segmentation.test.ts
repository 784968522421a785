/** Figures of areas in images: from records, drawn again, and from sums. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../errors.ts'
import { metricNames } from '../study/metrics.ts'
import { estimateIn } from './estimates.ts'
import { bootstrap, pooledEstimates } from './intervals.ts'
import { statisticSchema } from './schema.ts'
import { mergeStatistics, type Scored, statisticOf } from './statistic.ts'
import { summarise } from './summary.ts'

/** An image's pixels of one label: found, marked besides, and missed. */
type Row = { readonly found: number; readonly more: number; readonly missed: number; readonly patient: number }

/** As the trainer tells them (graph/mask-figures.ts). */
const scoredOf = (rows: readonly Row[]): Scored => ({
  scores: Float32Array.from(
    rows.flatMap(({ found, more, missed }) => [0.5, 9, found, 9, found + more, 9, found + missed]),
  ),
  target: Float32Array.from(rows, ({ found, missed }) => Number(found + missed > 0)),
  patients: rows.map(({ patient }) => `p${patient}`),
})
const ofAreas = (models: readonly Scored[], replicates: number) =>
  bootstrap(models, ['areas'], { outcome: 'segmentation', replicates })

const pixels = fc.integer({ min: 0, max: 3 })
const rows = fc.array(
  fc.record({ found: pixels, more: pixels, missed: pixels, patient: fc.integer({ min: 0, max: 6 }) }),
  { minLength: 1, maxLength: 20 },
)
const near = (a: number | null, b: number | null): void =>
  assert.ok(a === b || Math.abs((a ?? Number.NaN) - (b ?? Number.NaN)) < 1e-9, `${a}, ${b}`)

test('what records say is what their sums say, which can be read; a model does not differ from itself', () => {
  fc.assert(
    fc.property(rows, (drawn) => {
      const scored = scoredOf(drawn)
      const statistic = statisticOf('dice', scored)
      assert.deepEqual(statisticSchema.parse(JSON.parse(JSON.stringify(statistic))), statistic)
      assert.equal(summarise(statistic).loss, 0.5)
      const { estimates, differences } = ofAreas([scored, scored], 60)
      const pooled = pooledEstimates([statistic], statistic, ['areas'])
      const n = new Set(scored.patients).size
      for (const metric of ['dice', 'iou'] as const) {
        const [own, whole] = [estimateIn(estimates[0] ?? assert.fail(), metric), estimateIn(pooled, metric)]
        near(own.value, whole.value)
        assert.deepEqual([own.n, whole.n, whole.low, whole.high], [n, n, null, null])
        if (own.low !== null && own.high !== null) assert.ok(own.low <= own.high)
        const { value, low, high } = estimateIn(differences[0] ?? assert.fail(), metric)
        for (const part of [value, low, high]) assert.ok(part === null || part === 0)
      }
      for (const metric of ['accuracy', 'auroc', 'brier'] as const)
        assert.deepEqual(pooled[metric], { value: null, low: null, high: null, n })
    }),
    { numRuns: 60 },
  )
})

test('merged sums are those of all records together', () => {
  fc.assert(
    fc.property(rows, rows, (a, b) => {
      const merged = mergeStatistics([a, b].map((part) => statisticOf('dice', scoredOf(part)))) ?? assert.fail()
      const whole = statisticOf('dice', scoredOf([...a, ...b.map((row) => ({ ...row, patient: row.patient + 10 }))]))
      assert.equal(merged.patients, whole.patients)
      const [found, wanted] = [summarise(merged), summarise(whole)]
      for (const name of [...metricNames, 'loss', 'records'] as const) near(found[name], wanted[name])
    }),
  )
})

test('all records of a patient are drawn together', () => {
  const images = [1, 1, 2, 2].map((patient) => ({ found: 1, more: patient - 1, missed: patient - 1, patient }))
  const dice = ofAreas([scoredOf(images)], 300).estimates[0]?.dice
  // Of two patients one has a Dice of 1 twice, the other of a half.
  assert.deepEqual([dice?.low, dice?.value, dice?.high], [0.5, 0.75, 1])
})

test('where nothing is there or marked there is no figure, and what is not finite is refused', () => {
  const { dice, iou } = ofAreas([scoredOf([{ found: 0, more: 0, missed: 0, patient: 1 }])], 20).estimates[0] ?? {}
  for (const estimate of [dice, iou]) assert.deepEqual(estimate, { value: null, low: null, high: null, n: 1 })
  const broken = {
    ...scoredOf([{ found: 1, more: 0, missed: 0, patient: 1 }]),
    scores: new Float32Array(7).fill(Number.NaN),
  }
  for (const ask of [() => ofAreas([broken], 20), () => statisticOf('dice', broken)])
    assert.throws(ask, (error) => error instanceof WardroundError && error.code === 'WR_WEIGHTS_NOT_FINITE')
})

test('sums that cannot be of areas are refused, and other labels do not merge', () => {
  const label = { records: 4, diceSum: 2, iouSum: 1.5 }
  const statistic = { kind: 'segmentation', records: 5, lossSum: 2, labels: [label], patients: 3 } as const
  const parsed = statisticSchema.parse(statistic)
  for (const change of [
    { labels: [] },
    { labels: [{ ...label, records: 6 }] },
    { labels: [{ ...label, diceSum: 4.1, iouSum: 4 }] },
    // More than Dice, and less than four images with a Dice of a half each can have.
    { labels: [{ ...label, iouSum: 2.1 }] },
    { labels: [{ ...label, iouSum: 1.3 }] },
    { lossSum: -1 },
    { patients: 6 },
    { patients: 0 },
  ])
    assert.ok(!statisticSchema.safeParse({ ...statistic, ...change }).success, JSON.stringify(change))
  const others = statisticSchema.parse({ ...statistic, labels: [label, label] })
  assert.throws(
    () => mergeStatistics([parsed, others]),
    (error) => error instanceof WardroundError && error.code === 'WR_BODY_INVALID',
  )
})
