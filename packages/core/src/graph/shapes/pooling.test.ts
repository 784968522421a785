/** How many windows a pooling has, and which it may not have. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { int, ints, type Shape, text } from '../ir.ts'
import { assertInvalid, assertRefused, shapeOf } from '../testing/shape-of.ts'

const x: Shape = ['rows', 3, 8, 7]
const two = { kernel_shape: ints([2, 2]) }

test('a batch of any size stays one, and channels stay', () => {
  assert.deepEqual(shapeOf('MaxPool', [x], { ...two, strides: ints([2, 2]) }), ['rows', 3, 4, 3])
  assert.deepEqual(shapeOf('AveragePool', [x], two), ['rows', 3, 7, 6])
  assert.deepEqual(shapeOf('GlobalMaxPool', [x]), ['rows', 3, 1, 1])
  assert.deepEqual(shapeOf('GlobalAveragePool', [['rows', 3, 'height', 5]]), ['rows', 3, 1, 1])
})

test('with ceil_mode a last window begins inside, or is not there', () => {
  const ceil = { ceil_mode: int(1), strides: ints([2, 2]) }
  assert.deepEqual(shapeOf('MaxPool', [x], { ...two, ...ceil }), ['rows', 3, 4, 4])
  const wide = { kernel_shape: ints([2]), strides: ints([3]), ceil_mode: int(1) }
  // A third one would begin 6 behind the first element.
  assert.deepEqual(shapeOf('MaxPool', [[1, 1, 6]], wide), [1, 1, 2])
  assert.deepEqual(shapeOf('MaxPool', [[1, 1, 7]], wide), [1, 1, 3])
  // It would begin in the padding: ONNX counts it, and ONNX Runtime does not make it.
  const padded = { kernel_shape: ints([3]), pads: ints([1, 1]), strides: ints([4]), ceil_mode: int(1) }
  assertRefused('MaxPool', [[1, 1, 3]], padded)
  assert.deepEqual(shapeOf('MaxPool', [[1, 1, 4]], padded), [1, 1, 2])
})

test('windows that could miss the input, and kernels that do not fit, are invalid', () => {
  const uses = [
    {},
    { kernel_shape: ints([2]) },
    { kernel_shape: ints([0, 2]) },
    { kernel_shape: ints([9, 2]) },
    { kernel_shape: ints([2 ** 40, 2]) },
    { ...two, pads: ints([2, 0, 0, 0]) },
    { ...two, pads: ints([0, 0, 0, 2]) },
    { ...two, strides: ints([3, 1]), auto_pad: text('SAME_UPPER') },
    { ...two, strides: ints([0, 1]) },
    { ...two, dilations: ints([9, 1]), pads: ints([1, 0, 1, 0]) },
  ]
  for (const op of ['MaxPool', 'AveragePool']) for (const attributes of uses) assertInvalid(op, [x], attributes)
  // Of four places in a window, two are before and two behind.
  assertInvalid('MaxPool', [[1, 1, 1]], { kernel_shape: ints([2]), dilations: ints([2]), pads: ints([1, 1]) })
  for (const shape of [
    [2, 3],
    [1, 1, 'height'],
    [1, 1, 2, 2, 2, 2],
  ])
    assertInvalid('MaxPool', [shape], { kernel_shape: ints(shape.slice(2).map(() => 1)) })
  assertInvalid('GlobalMaxPool', [[2, 3]])
})

test('places counted column by column are refused', () => {
  assertRefused('MaxPool', [x], { ...two, storage_order: int(1) })
})
