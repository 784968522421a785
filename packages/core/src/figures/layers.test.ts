import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { layoutOf } from './layers.ts'

const sizes = fc.record({ width: fc.integer({ min: 40, max: 200 }), height: fc.integer({ min: 20, max: 60 }) })
/** Every box but the first follows on some before it. */
const diagrams = fc
  .tuple(sizes, fc.array(fc.tuple(sizes, fc.array(fc.nat(5), { minLength: 1, maxLength: 3 })), { maxLength: 25 }))
  .map(([first, others]) => ({
    boxes: [first, ...others.map(([size]) => size)],
    edges: others.flatMap(([, back], index) =>
      [...new Set(back.map((steps) => Math.max(0, index - steps)))].map((from) => [from, index + 1] as const),
    ),
  }))

test('boxes do not overlap, all are inside, and edges go down from a box’s lower edge to the other’s upper one', () => {
  fc.assert(
    fc.property(diagrams, ({ boxes, edges }) => {
      const { width, height, places, paths } = layoutOf(boxes, edges)
      const placed = boxes.map((size, index) => {
        const [x, y] = places[index] ?? [Number.NaN, Number.NaN]
        return { left: x - size.width / 2, right: x + size.width / 2, top: y, bottom: y + size.height, x }
      })
      for (const [index, a] of placed.entries()) {
        assert.ok(a.left > -1e-6 && a.right < width + 1e-6 && a.top >= 0 && a.bottom <= height + 1e-6)
        for (const b of placed.slice(index + 1))
          assert.ok(a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top)
      }
      for (const [index, [from, to]] of edges.entries()) {
        const path = paths[index] ?? []
        assert.deepEqual(path[0], [placed[from]?.x, placed[from]?.bottom])
        assert.deepEqual(path.at(-1), [placed[to]?.x, placed[to]?.top])
        for (const [step, [, y]] of path.entries()) assert.ok(step === 0 || y >= (path[step - 1]?.[1] ?? 0))
      }
    }),
    { numRuns: 200 },
  )
})

test('an edge past a layer goes around the boxes in it', () => {
  const box = { width: 100, height: 30 }
  const { paths, places } = layoutOf(
    [box, box, box],
    [
      [0, 1],
      [1, 2],
      [0, 2],
    ],
  )
  const [x = 0, y = 0] = places[1] ?? []
  const beside = (paths[2] ?? []).filter(([, at]) => at >= y && at <= y + box.height)
  assert.equal(beside.length, 2)
  for (const [at] of beside) assert.ok(Math.abs(at - x) > box.width / 2)
})

test('a chain is drawn as one straight line', () => {
  const boxes = [60, 120, 80, 200].map((width) => ({ width, height: 30 }))
  const { places } = layoutOf(boxes, [
    [0, 1],
    [1, 2],
    [2, 3],
  ])
  for (const [x] of places) assert.ok(Math.abs(x - 100) < 1e-6)
})

test('what follows one of several stands under it', () => {
  const box = { width: 100, height: 30 }
  const { places } = layoutOf(
    [box, box, box, box],
    [
      [0, 1],
      [0, 2],
      [2, 3],
    ],
  )
  const [, [left = 0] = [], [right = 0] = [], [below = 0] = []] = places
  assert.ok(Math.abs(right - left) >= box.width)
  assert.ok(Math.abs(below - right) < 1)
})
