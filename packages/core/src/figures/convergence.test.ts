import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Results } from '../protocol/results.ts'
import { convergencePanels } from './convergence.ts'
import { render } from './markup.ts'
import { widePlot } from './panel.ts'
import { named, pointsOf, readXml, textOf, type XmlElement } from './testing/xml-reader.ts'

type Values = Readonly<Record<string, readonly (number | null)[]>>

/** A run of rounds with these values at each hospital; null: late, so nothing was measured. */
function runOf(values: Values): Pick<Results, 'rounds' | 'bestRound' | 'metric' | 'expected'> {
  const expected = Object.keys(values)
  const rounds = Array.from({ length: values[expected[0] ?? '']?.length ?? 0 }, (_, index) => ({
    round: index + 1,
    state: 'completed' as const,
    overall: { value: index / 10, low: null, high: null, n: 7 },
    sites: expected.map((site) => {
      const value = values[site]?.[index] ?? null
      return { site, state: value === null ? ('late' as const) : ('contributed' as const), n: 3, value, seconds: 1 }
    }),
    measurements: {},
    startedAt: '',
    endedAt: '',
  }))
  return { rounds, expected, bestRound: 1, metric: 'loss' }
}

const read = (values: Values): XmlElement[] => convergencePanels(runOf(values)).map((panel) => readXml(render(panel)))
const own = (panel: XmlElement): XmlElement[] =>
  named(panel, 'polyline').filter(({ attributes }) => attributes.class === 'wr-stroke-federated')

test('a panel for all together and one for each hospital, each with a title, a description and its n', () => {
  const panels = read({ a: [0.5, 0.4], b: [0.6, null] })
  assert.deepEqual(
    panels.map((panel) => textOf(named(panel, 'title')[0] ?? panel)),
    ['loss in each round, all together', 'loss in each round, a', 'loss in each round, b'],
  )
  const [described] = panels.slice(1).flatMap((panel) => named(panel, 'desc'))
  assert.ok(described)
  assert.match(textOf(described), /2 rounds measured, from 0\.500 to 0\.400/)
})

test('a line breaks where nothing was measured', () => {
  const [, panel] = read({ a: [0.5, 0.4, null, 0.3, null, 0.2] })
  assert.ok(panel)
  assert.deepEqual(
    own(panel).map((line) => pointsOf(line).length),
    [2, 1, 1],
  )
  assert.equal(named(panel, 'circle').length, 4, 'a single point is seen as a dot')
})

test('points can be read back: rounds and values are at the places that the shared axes give them', () => {
  const value = fc.double({ min: 0.01, max: 10, noNaN: true })
  const list = fc.array(value, { minLength: 2, maxLength: 30 })
  fc.assert(
    fc.property(list, (values) => {
      const [overall, panel] = read({ a: values, b: values.map((one) => one / 2) })
      assert.ok(panel && overall)
      const points = pointsOf(own(panel)[0] ?? panel)
      assert.equal(points.length, values.length)
      // Two labelled ticks give the axis; values are read off it as a person would.
      const ticks = named(panel, 'line')
        .filter(({ attributes }) => attributes.class === 'wr-grid')
        .map(({ attributes }) => Number(attributes.y1))
      const labels = named(panel, 'text')
        .filter(({ attributes }) => attributes['text-anchor'] === 'end' && attributes.x === String(widePlot.left - 5))
        .map((text) => Number(textOf(text)))
      const [low, high] = [labels[0] ?? 0, labels.at(-1) ?? 0]
      const [bottom, top] = [ticks[0] ?? 0, ticks.at(-1) ?? 0]
      points.forEach(([x, y], index) => {
        const seen = low + ((y - bottom) / (top - bottom)) * (high - low)
        assert.ok(Math.abs(seen - (values[index] ?? 0)) < (0.02 * (high - low)) / 1, `${seen} is not ${values[index]}`)
        const round = 1 + ((x - widePlot.left) / (widePlot.right - widePlot.left)) * (values.length - 1)
        assert.ok(Math.abs(round - index - 1) < 0.01 * values.length)
        assert.ok(x >= widePlot.left && x <= widePlot.right && y >= widePlot.top && y <= widePlot.bottom)
      })
      const yLabels = (element: XmlElement): string[] => named(element, 'text').map(textOf).slice(3)
      assert.deepEqual(yLabels(panel), yLabels(overall), 'the axes are shared')
    }),
    { numRuns: 50 },
  )
})

test('a hospital of which nothing may be shown gets a panel that says so', () => {
  const [, panel] = read({ a: [null, null] })
  assert.ok(panel)
  assert.equal(own(panel).length, 0)
  assert.ok(named(panel, 'text').some((text) => textOf(text) === 'too few patients to show'))
})
