import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Estimate } from '../metrics/schema.ts'
import type { Results } from '../protocol/results.ts'
import { differenceForest, forest } from './forest.ts'
import { type Element, render } from './markup.ts'
import { named, readXml, textOf, type XmlElement } from './testing/xml-reader.ts'

const unknown: Estimate = { value: null, low: null, high: null, n: null }
const one = (auroc: Estimate) => ({ accuracy: unknown, auroc, brier: unknown })
const model = (auroc: Estimate) => ({ ...one(auroc), statistic: null })

type Row = { readonly local: Estimate; readonly federated: Estimate; readonly difference: Estimate }
const compared = (rows: readonly Row[]): Pick<Results, 'overall' | 'sites'> => ({
  overall: { local: model(unknown), federated: model(unknown), centralised: null },
  sites: rows.map(({ local, federated, difference }, index) => ({
    name: `site-${index}`,
    nTrain: 1,
    nTest: 1,
    local: model(local),
    federated: model(federated),
    centralised: null,
    difference: one(difference),
    localRounds: 1,
  })),
})

const read = (drawing: Element | undefined): XmlElement => readXml(render(drawing ?? assert.fail('nothing was drawn')))

/** The axis as a person reads it: from the labels under the grid lines. */
function axis(drawing: XmlElement): (x: number) => number {
  const lines = named(drawing, 'line').filter(({ attributes }) => attributes.class === 'wr-grid')
  const places = lines.map(({ attributes }) => Number(attributes.x1))
  const values = named(drawing, 'text')
    .filter(({ attributes }) => attributes['text-anchor'] === 'middle')
    .map((text) => Number(textOf(text).replace('−', '-')))
  const [left = 0, right = 0] = [places[0], places.at(-1)]
  const [low = 0, high = 0] = [values[0], values.at(-1)]
  return (x) => low + ((x - left) / (right - left)) * (high - low)
}

const estimate = fc
  .tuple(fc.double({ min: -0.5, max: 0.5, noNaN: true }), fc.double({ min: 0.02, max: 0.3, noNaN: true }))
  .map(([value, half]): Estimate => ({ value, low: value - half, high: value + half, n: 50 }))

test('points and bars can be read back from the axis', () => {
  fc.assert(
    fc.property(fc.array(estimate, { minLength: 1, maxLength: 6 }), (list) => {
      const drawing = read(
        forest(compared(list.map((auroc) => ({ local: unknown, federated: auroc, difference: unknown }))), 'auroc'),
      )
      const at = axis(drawing)
      const dots = named(drawing, 'circle').map(({ attributes }) => at(Number(attributes.cx)))
      const bars = named(drawing, 'line')
        .filter(({ attributes }) => attributes.class === 'wr-stroke-federated' && attributes.y1 === attributes.y2)
        .map(({ attributes }) => [at(Number(attributes.x1)), at(Number(attributes.x2))] as const)
      assert.equal(dots.length, list.length)
      for (const [index, { value, low, high }] of list.entries()) {
        assert.ok(Math.abs((dots[index] ?? 9) - (value ?? 9)) < 1e-3)
        assert.ok(Math.abs((bars[index]?.[0] ?? 9) - (low ?? 9)) < 1e-3)
        assert.ok(Math.abs((bars[index]?.[1] ?? 9) - (high ?? 9)) < 1e-3)
      }
    }),
    { numRuns: 50 },
  )
})

test('a difference is drawn full only where its interval leaves zero out', () => {
  fc.assert(
    fc.property(fc.array(estimate, { minLength: 1, maxLength: 6 }), (list) => {
      const drawing = read(
        differenceForest(
          compared(list.map((difference) => ({ local: unknown, federated: unknown, difference }))),
          'auroc',
        ),
      )
      const full = named(drawing, 'circle').map(({ attributes }) => attributes.class === 'wr-fill-federated')
      assert.deepEqual(
        full,
        list.map(({ low, high }) => (low ?? 0) > 0 || (high ?? 0) < 0),
      )
    }),
    { numRuns: 50 },
  )
})

test('zero is in the middle of a difference, and the numbers of an axis have room beside each other', () => {
  const scaled = fc.tuple(fc.array(estimate, { minLength: 1, maxLength: 4 }), fc.integer({ min: -2, max: 0 }))
  fc.assert(
    fc.property(scaled, ([list, power]) => {
      const small = list.map(({ value, low, high, n }): Estimate => {
        const [a, b, c] = [value, low, high].map((part) => (part ?? 0) * 10 ** power)
        return { value: a ?? 0, low: b ?? 0, high: c ?? 0, n }
      })
      const results = compared(small.map((one) => ({ local: one, federated: one, difference: one })))
      const difference = read(differenceForest(results, 'auroc'))
      for (const drawing of [difference, read(forest(results, 'auroc'))]) {
        const numbers = named(drawing, 'text').filter(({ attributes }) => attributes['text-anchor'] === 'middle')
        assert.ok(numbers.length >= 2)
        for (const [index, text] of numbers.slice(1).entries()) {
          const pitch = Number(text.attributes.x) - Number(numbers[index]?.attributes.x)
          // Digits are at most two thirds as wide as the letters are high, which is 11.
          const width = Math.max(textOf(text).length, textOf(numbers[index] ?? text).length) * 0.64 * 11
          assert.ok(pitch >= width, `${textOf(text)}: ${pitch}`)
        }
      }
      const at = axis(difference)
      // The plot reaches from 14 to 228.
      assert.ok(Math.abs(at(14) + at(228)) < 1e-3 * Math.abs(at(228)))
    }),
    { numRuns: 50 },
  )
})

test('hidden is told from undefined, and neither is drawn', () => {
  const known: Estimate = { value: 0.7, low: 0.6, high: 0.8, n: 20 }
  const oneClass: Estimate = { ...unknown, n: 12 }
  const drawing = read(
    forest(
      compared([
        { local: unknown, federated: known, difference: unknown },
        { local: oneClass, federated: oneClass, difference: unknown },
      ]),
      'auroc',
    ),
  )
  const texts = named(drawing, 'text').map(textOf)
  assert.ok(texts.includes('too few patients to show') && texts.includes('one outcome only: no such figure'))
  assert.equal(named(drawing, 'circle').length, 1)
  assert.ok(texts.includes('n 12') && texts.includes('n hidden'))
})

test('a metric that is known nowhere has no figure', () => {
  assert.equal(forest(compared([]), 'auroc'), undefined)
  assert.equal(differenceForest(compared([]), 'auroc'), undefined)
})
