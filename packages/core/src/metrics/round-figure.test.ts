import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { stopMetricsOf } from '../study/metrics.ts'
import { mergeRoundFigures, roundFigure, roundFigureSchema } from './round-figure.ts'

const scored = (scores: readonly number[], target: readonly number[]) => ({
  scores: Float32Array.from(scores),
  target: Float32Array.from(target),
  patients: scores.map((_, index) => `p${index}`),
})

test('by hand: two right of three, squared errors 0.0625 + 0.0625 + 0.5625, one of two pairs won', () => {
  const three = scored([0.25, 0.75, 0.25], [0, 1, 1])
  assert.equal(roundFigure('accuracy', 'binaryCrossEntropy', three)?.sum, 2)
  assert.equal(roundFigure('brier', 'binaryCrossEntropy', three)?.sum, 0.6875)
  // 0.75 beats 0.25, and 0.25 ties with it: (1 + ½) / 2.
  assert.equal(roundFigure('auroc', 'binaryCrossEntropy', three)?.sum, 0.75 * 3)
  const loss = -(Math.log(0.75) + Math.log(0.75) + Math.log(0.25))
  assert.ok(Math.abs((roundFigure('loss', 'binaryCrossEntropy', three)?.sum ?? 0) - loss) < 1e-12)
  assert.equal(roundFigure('auroc', 'binaryCrossEntropy', scored([0.2, 0.3], [1, 1])), null)
})

test('the figure of the parts together is that of the whole, for every metric that adds up', () => {
  const row = fc.record({ score: fc.float({ min: 0, max: 1, noNaN: true }), label: fc.integer({ min: 0, max: 1 }) })
  fc.assert(
    fc.property(fc.array(fc.array(row, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 5 }), (sites) => {
      const of = (rows: (typeof sites)[number]) =>
        scored(
          rows.map(({ score }) => score),
          rows.map(({ label }) => label),
        )
      for (const metric of stopMetricsOf('binary').filter((name) => name !== 'auroc')) {
        const parts = sites.flatMap((rows) => roundFigure(metric, 'binaryCrossEntropy', of(rows)) ?? [])
        const whole = roundFigure(metric, 'binaryCrossEntropy', of(sites.flat()))
        const merged = mergeRoundFigures(parts)
        assert.ok(whole !== null && merged !== null)
        assert.ok(Math.abs(merged.value - whole.sum / whole.records) < 1e-9)
        assert.equal(merged.patients, whole.patients)
        for (const part of parts) assert.deepEqual(roundFigureSchema.parse(part), part)
      }
    }),
  )
})

test('errors of numbers: absolute ones add up, and the root of squared ones is the mean of the hospitals’ own', () => {
  const [one, other] = [scored([1, 3], [0, 0]), scored([5], [0])]
  const merged = (metric: 'meanAbsoluteError' | 'rootMeanSquaredError') =>
    mergeRoundFigures([one, other].flatMap((site) => roundFigure(metric, 'meanSquaredError', site) ?? []))?.value
  assert.equal(merged('meanAbsoluteError'), (1 + 3 + 5) / 3)
  assert.ok(Math.abs((merged('rootMeanSquaredError') ?? 0) - (2 * Math.sqrt((1 + 9) / 2) + 5) / 3) < 1e-12)
})

test('areas: the mean of the hospitals’ own, by records; without any there is none', () => {
  // Loss, then found, marked and there of the background and of one label.
  const areas = (...images: readonly (readonly [number, number, number])[]) => ({
    scores: Float32Array.from(images.flatMap(([found, marked, there]) => [0.5, 9, found, 9, marked, 9, there])),
    target: new Float32Array(images.length),
    patients: images.map((_, index) => `p${index}`),
  })
  const [one, other] = [areas([2, 4, 4], [0, 0, 0]), areas([3, 3, 3])]
  const figures = (metric: 'dice' | 'iou') => [one, other].flatMap((site) => roundFigure(metric, 'dice', site) ?? [])
  assert.deepEqual(
    figures('dice').map(({ records, sum }) => [records, sum]),
    [
      [2, 0.5 * 2],
      [1, 1],
    ],
  )
  assert.equal(mergeRoundFigures(figures('dice'))?.value, (0.5 * 2 + 1) / 3)
  assert.ok(Math.abs((mergeRoundFigures(figures('iou'))?.value ?? 0) - ((2 / 6) * 2 + 1) / 3) < 1e-12)
  assert.equal(roundFigure('dice', 'dice', areas([0, 0, 0])), null)
})

test('nothing measured is no figure, and impossible figures are refused', () => {
  assert.equal(mergeRoundFigures([]), null)
  const good = { metric: 'accuracy', records: 10, patients: 8, sum: 9 }
  assert.ok(roundFigureSchema.safeParse(good).success)
  for (const change of [
    { sum: 11 },
    { sum: -1 },
    { sum: Number.NaN },
    { patients: 11 },
    { records: 0 },
    { metric: 'other' },
    { metric: 'r2' },
    { metric: 'dice', sum: 10.1 },
    { extra: 1 },
  ]) {
    assert.ok(!roundFigureSchema.safeParse({ ...good, ...change }).success, JSON.stringify(change))
  }
})
