/** ROC curves and calibration plots, read back from the drawing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BinaryStatistic } from '../metrics/schema.ts'
import { statisticOf } from '../metrics/statistic.ts'
import { binnedAuroc, calibrationPoints } from '../metrics/summary.ts'
import type { Results } from '../protocol/results.ts'
import type { ModelResult } from '../protocol/task.ts'
import { calibrationPanels, joinSmall } from './calibration.ts'
import { render } from './markup.ts'
import { squarePlot } from './panel.ts'
import { rocPanels } from './roc.ts'
import { named, pointsOf, readXml, textOf, type XmlElement } from './testing/xml-reader.ts'

type Prediction = readonly [score: number, label: 0 | 1]

function binary(predictions: readonly Prediction[]): BinaryStatistic {
  const statistic = statisticOf('binaryCrossEntropy', {
    scores: Float32Array.from(predictions, ([score]) => score),
    target: Float32Array.from(predictions, ([, label]) => label),
    patients: predictions.map((_, index) => String(index)),
  })
  assert.equal(statistic.kind, 'binary')
  return statistic as BinaryStatistic
}

function resultOf(statistic: BinaryStatistic | null): ModelResult {
  const estimate = { value: null, low: null, high: null, n: statistic?.patients ?? null }
  return { accuracy: estimate, auroc: estimate, brier: estimate, statistic }
}

/** One hospital, which is then also all together. */
function compared(
  local: BinaryStatistic | null,
  federated: BinaryStatistic | null,
): Pick<Results, 'overall' | 'sites'> {
  const models = { local: resultOf(local), federated: resultOf(federated), centralised: null }
  const { accuracy, auroc, brier } = models.local
  const site = { name: 'a', nTrain: 1, nTest: 1, ...models, difference: { accuracy, auroc, brier }, localRounds: 1 }
  return { overall: models, sites: [site] }
}

const curve = (panel: XmlElement, model: string): XmlElement | undefined =>
  named(panel, 'polyline').find(({ attributes }) => attributes.class === `wr-stroke-${model}`)

/** Drawing units → shares. */
const shares = (line: XmlElement): (readonly [number, number])[] =>
  pointsOf(line).map(([x, y]) => [
    (x - squarePlot.left) / (squarePlot.right - squarePlot.left),
    (squarePlot.bottom - y) / (squarePlot.bottom - squarePlot.top),
  ])

const near = (
  actual: readonly (readonly [number, number])[],
  expected: readonly (readonly [number, number])[],
): void => {
  assert.equal(actual.length, expected.length)
  for (const [index, [x, y]] of actual.entries()) {
    assert.ok(Math.abs(x - (expected[index]?.[0] ?? Number.NaN)) < 1e-3, `x ${index}`)
    assert.ok(Math.abs(y - (expected[index]?.[1] ?? Number.NaN)) < 1e-3, `y ${index}`)
  }
}

test('a ROC curve by hand: four patients, one pair in the wrong order', () => {
  const statistic = binary([
    [0.9, 1],
    [0.6, 0],
    [0.4, 1],
    [0.1, 0],
  ])
  const [, panel] = rocPanels(compared(statistic, null)).map((drawing) => readXml(render(drawing)))
  assert.ok(panel)
  const line = curve(panel, 'local')
  assert.ok(line)
  near(shares(line), [
    [0, 0],
    [0, 0.5],
    [0.5, 0.5],
    [0.5, 1],
    [1, 1],
  ])
  assert.equal(line.attributes['stroke-dasharray'], '5 3', 'alone is dashed')
  assert.equal(curve(panel, 'federated'), undefined)
})

const predictions = fc
  .array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom<0 | 1>(0, 1)), {
    minLength: 1,
    maxLength: 60,
  })
  .map((list): Prediction[] => [...list, [0.3, 0], [0.7, 1]])

test('a curve rises from corner to corner, and the area under what is drawn is the AUROC', () => {
  fc.assert(
    fc.property(predictions, (list) => {
      const statistic = binary(list)
      const [, panel] = rocPanels(compared(null, statistic)).map((drawing) => readXml(render(drawing)))
      const points = shares(curve(panel ?? assert.fail(), 'federated') ?? assert.fail())
      near(
        [points[0] ?? [9, 9], points.at(-1) ?? [9, 9]],
        [
          [0, 0],
          [1, 1],
        ],
      )
      let area = 0
      for (const [index, [x, y]] of points.entries()) {
        const [beforeX, beforeY] = points[index - 1] ?? [0, 0]
        assert.ok(x >= beforeX - 1e-9 && y >= beforeY - 1e-9)
        area += ((x - beforeX) * (y + beforeY)) / 2
      }
      const auroc = binnedAuroc(statistic.negative, statistic.positive)
      assert.ok(Math.abs(area - (auroc ?? Number.NaN)) < 2e-3)
    }),
    { numRuns: 60 },
  )
})

test('one outcome only, and too few patients, are said; without any histogram there is no figure', () => {
  const said = (results: Pick<Results, 'overall' | 'sites'>): string[] =>
    rocPanels(results).flatMap((drawing) => named(readXml(render(drawing)), 'text').map(textOf))
  assert.ok(said(compared(binary([[0.2, 0]]), null)).includes('no curve: one outcome only'))
  assert.deepEqual(rocPanels(compared(null, null)), [])
  assert.deepEqual(calibrationPanels(compared(null, null), 10), [])
})

test('neighbours are joined until none is about fewer than the minimum; nobody is lost and means stay means', () => {
  const points = fc.array(
    fc.record({
      predicted: fc.double({ min: 0, max: 1, noNaN: true }),
      observed: fc.double({ min: 0, max: 1, noNaN: true }),
      n: fc.integer({ min: 1, max: 30 }),
    }),
    { maxLength: 10 },
  )
  const total = (list: readonly { readonly n: number }[]): number => list.reduce((sum, { n }) => sum + n, 0)
  fc.assert(
    fc.property(points, fc.integer({ min: 1, max: 25 }), (list, minimum) => {
      const joined = joinSmall(list, minimum)
      assert.ok(joined.every(({ n }) => n >= minimum))
      if (total(list) < minimum) assert.deepEqual(joined, [])
      else {
        assert.equal(total(joined), total(list))
        for (const key of ['predicted', 'observed'] as const) {
          const sum = (of: typeof list): number => of.reduce((before, point) => before + point[key] * point.n, 0)
          assert.ok(Math.abs(sum([...joined]) - sum(list)) < 1e-9)
        }
      }
    }),
  )
})

test('calibration by hand: what is drawn is the mean prediction, the observed share, the interval and the count', () => {
  const statistic = binary([...repeat([0.25, 0], 3), ...repeat([0.25, 1], 1), ...repeat([0.75, 1], 4)])
  assert.deepEqual(
    calibrationPoints(statistic, 5).map(({ observed, n }) => [observed, n]),
    [
      [0.25, 4],
      [1, 4],
    ],
  )
  const [, panel] = calibrationPanels(compared(null, statistic), 1).map((drawing) => readXml(render(drawing)))
  assert.ok(panel)
  const plot = { ...squarePlot, bottom: squarePlot.bottom - 14 }
  const dots = named(panel, 'circle').map(({ attributes }): readonly [number, number] => [
    (Number(attributes.cx) - plot.left) / (plot.right - plot.left),
    (plot.bottom - Number(attributes.cy)) / (plot.bottom - plot.top),
  ])
  near(dots, [
    [0.25, 0.25],
    [0.75, 1],
  ])
  const bars = named(panel, 'line').filter(({ attributes }) => attributes.class === 'wr-stroke-federated')
  const end = ({ attributes }: XmlElement, key: string): number =>
    (plot.bottom - Number(attributes[key])) / (plot.bottom - plot.top)
  // Wilson 1927 for 1 of 4 and 4 of 4: (0.0456, 0.6994) and (0.5101, 1).
  near(
    bars.map((bar): readonly [number, number] => [end(bar, 'y1'), end(bar, 'y2')]),
    [
      [0.0456, 0.6994],
      [0.5101, 1],
    ],
  )
  const small = named(panel, 'text').filter(({ attributes }) => attributes.class === 'wr-small')
  assert.deepEqual(small.map(textOf), ['4', '4'])
})

test('how many records a point is about is readable however many they are: in order, apart, inside the panel', () => {
  const large = fc.array(fc.integer({ min: 1, max: 9_999 }), { minLength: 200, maxLength: 200 })
  fc.assert(
    fc.property(large, (counts) => {
      const positive = counts.map((count, bin) => {
        const score = (bin + 0.5) / counts.length
        return { bin, count, scoreSum: count * score, squaredErrorSum: count * (1 - score) ** 2 }
      })
      const statistic: BinaryStatistic = { ...binary([[0.3, 0]]), negative: [], positive }
      const [overall] = calibrationPanels(compared(null, statistic), 10).map((drawing) => readXml(render(drawing)))
      assert.ok(overall)
      const labels = named(overall, 'text').filter(({ attributes }) => attributes.class === 'wr-small')
      assert.equal(labels.length, 10)
      assert.deepEqual(
        labels.map((text) => Number(textOf(text))).toSorted((a, b) => a - b),
        calibrationPoints(statistic, 10)
          .map(({ n }) => n)
          .toSorted((a, b) => a - b),
      )
      // Digits are at most two thirds as wide as the small letters are high, which is 10.
      const half = (text: XmlElement): number => textOf(text).length * 0.32 * 10
      const rows = Map.groupBy(labels, ({ attributes }) => attributes.y)
      assert.ok(rows.size <= 2)
      for (const row of rows.values()) {
        const ends = row.map((text) => [Number(text.attributes.x) - half(text), Number(text.attributes.x) + half(text)])
        assert.ok(ends.every(([left = 0], index) => index === 0 || left >= (ends[index - 1]?.[1] ?? 0)))
        assert.ok((ends[0]?.[0] ?? -1) >= 0 && (ends.at(-1)?.[1] ?? 999) <= 240)
      }
    }),
    { numRuns: 30 },
  )
})

const repeat = (prediction: Prediction, times: number): Prediction[] => Array.from({ length: times }, () => prediction)
