import assert from 'node:assert/strict'
import { test } from 'node:test'
import { float32, type Value } from '../interpreter/values.ts'
import { int } from '../ir.ts'
import { assertInvalid, assertRefused, type Given, shapeOf } from '../testing/shape-of.ts'

const whole = (data: readonly number[], shape: readonly number[] = [data.length]): Value => ({
  type: 'int64',
  shape,
  data,
})
const numbers = (...data: number[]): readonly Value[] => data.map((value) => float32([], [value]))
const values = float32([2], [0, 1])

test('a count is known where an extent is not', () => {
  assert.deepEqual(shapeOf('Shape', [['rows', 3, 4]], { start: int(-2) }), [2])
  assert.deepEqual(shapeOf('Shape', [['rows', 3]], { start: int(2), end: int(1) }), [0])
  assert.deepEqual(shapeOf('OneHot', [['rows'], whole([3]), values], { axis: int(0) }), [3, 'rows'])
})

test('what is not constant, or no count, is invalid', () => {
  const uses: readonly (readonly [string, readonly Given[]])[] = [
    ['ConstantOfShape', [[2]]],
    ['ConstantOfShape', [whole([2, -1])]],
    ['Range', [float32([], [0]), [], float32([], [1])]],
    ['Range', numbers(0, 1, 0)],
    ['Range', numbers(0, 1)],
    ['Range', numbers(0, Number.NaN, 1)],
    ['Range', [whole([0], []), ...numbers(4, 1)]],
    ['OneHot', [[2], [1], values]],
    ['OneHot', [[2], whole([0]), values]],
    ['OneHot', [[], whole([2]), values]],
    ['OneHot', [[2], whole([2]), float32([3], [0, 1, 2])]],
  ]
  for (const [op, inputs] of uses) assertInvalid(op, inputs)
  for (const axis of [2, -3]) assertInvalid('OneHot', [[2], whole([3]), values], { axis: int(axis) })
})

test('more values than a graph may hold are refused before anything makes them', () => {
  assertRefused('ConstantOfShape', [whole([2 ** 20, 2 ** 20])])
  assertRefused('Range', numbers(0, 1, 1e-9))
  assertRefused('OneHot', [[2 ** 20], whole([2 ** 20]), values])
  for (const op of ['Expand', 'Tile']) {
    assertRefused(op, [[1, 1], whole([2 ** 20, 2 ** 8 + 1])])
    assertRefused(op, [['rows', 1], whole([1, 2 ** 28 + 1])])
  }
  assert.deepEqual(shapeOf('Expand', [[1], whole([2 ** 28])]), [2 ** 28])
  assert.deepEqual(shapeOf('Tile', [[2], whole([2 ** 27])]), [2 ** 28])
})
