import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { niceScale, niceStep, niceTicks, roundScale, spread } from './scale.ts'

const number = fc.double({ min: -1e6, max: 1e6, noNaN: true }).filter((value) => value === 0 || Math.abs(value) > 1e-6)
const interval = fc.tuple(number, number).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)])
/** A span of many fewer digits than a double has; labels of anything finer could not be told apart. */
const wide = interval.filter(([low, high]) => high - low > 1e-9 * Math.max(1, Math.abs(low), Math.abs(high)))

test('steps are 1, 2 or 5 times a power of ten', () => {
  assert.deepEqual(
    [0.35, 4, 9, 1, 26].map((span) => niceStep(span, 4)),
    [0.1, 1, 5, 0.5, 10],
  )
})

test('ticks by hand', () => {
  assert.deepEqual(niceTicks(0.12, 0.47), { ticks: [0.1, 0.2, 0.3, 0.4, 0.5], digits: 1 })
  assert.deepEqual(niceTicks(-0.13, 0.02), { ticks: [-0.15, -0.1, -0.05, 0, 0.05], digits: 2 })
  assert.deepEqual(niceTicks(0, 1), { ticks: [0, 0.5, 1], digits: 1 })
})

test('ticks cover the data, rise evenly, and are few', () => {
  fc.assert(
    fc.property(wide, ([low, high]) => {
      const { ticks } = niceTicks(low, high)
      const step = (ticks[1] ?? 0) - (ticks[0] ?? 0)
      const slack = 1e-6 * step
      assert.ok((ticks[0] ?? Infinity) <= low + slack && (ticks.at(-1) ?? -Infinity) >= high - slack)
      assert.ok(ticks.length >= 2 && ticks.length <= 6, `${ticks}`)
      for (const [index, tick] of ticks.slice(1).entries())
        assert.ok(Math.abs(tick - (ticks[index] ?? 0) - step) <= slack)
    }),
  )
})

test('a single value, and none, still make an axis', () => {
  fc.assert(
    fc.property(number, (value) => {
      const scale = niceScale([value], [0, 100])
      assert.ok(scale.at(value) > 0 && scale.at(value) < 100)
    }),
  )
  assert.deepEqual(niceScale([], [0, 100]).domain, [0, 1])
  assert.deepEqual(niceScale([Number.NaN, 0, 1], [0, 100]).domain, [0, 1])
})

test('data land inside the range, in order, also where the range runs downwards', () => {
  fc.assert(
    fc.property(wide, fc.double({ min: 0, max: 1, noNaN: true }), ([low, high], share) => {
      const scale = niceScale([low, high], [150, 36])
      const middle = scale.at(low + share * (high - low))
      assert.ok(scale.at(low) <= 150 + 1e-3 && scale.at(high) >= 36 - 1e-3)
      assert.ok(middle <= scale.at(low) + 1e-6 && middle >= scale.at(high) - 1e-6)
    }),
  )
})

test('rounds are labelled from the first to the last, and no two labels crowd', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), (last) => {
      const { ticks, at } = roundScale(last, [32, 232])
      assert.equal(ticks[0], 1)
      assert.equal(ticks.at(-1), last)
      assert.ok(ticks.every((tick) => Number.isInteger(tick) && at(tick) >= 32 && at(tick) <= 232))
      assert.deepEqual(
        ticks,
        [...new Set(ticks)].toSorted((a, b) => a - b),
      )
      assert.ok(ticks.length <= 7)
    }),
  )
  assert.deepEqual(roundScale(22, [0, 1]).ticks, [1, 10, 22])
})

test('labels spread apart stay in order and before the end, and those with room stay where they are', () => {
  const places = fc
    .array(fc.double({ min: 32, max: 222, noNaN: true }), { minLength: 1, maxLength: 8 })
    .map((list) => list.toSorted((a, b) => a - b))
  fc.assert(
    fc.property(places, (list) => {
      const moved = spread(list, 20, 232)
      assert.ok(moved.every((place, index) => index === 0 || place - (moved[index - 1] ?? 0) >= 20 - 1e-9))
      assert.ok((moved.at(-1) ?? 0) <= 232)
      assert.deepEqual(spread(moved, 20, 232).map(Math.round), moved.map(Math.round))
    }),
  )
  assert.deepEqual(spread([40, 100, 180], 20, 232), [40, 100, 180])
  assert.deepEqual(spread([225, 230], 20, 232), [212, 232])
})
