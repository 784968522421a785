import assert from 'node:assert/strict'
import { test } from 'node:test'
import { float32, type Value } from '../interpreter/values.ts'
import { int, ints, text } from '../ir.ts'
import { assertInvalid, assertRefused, type Given, shapeOf } from '../testing/shape-of.ts'

const scales = (...values: number[]): Value => float32([values.length], values)
const sizes = (...values: number[]): Value => ({ type: 'int64', shape: [values.length], data: values })
const [linear, empty] = [{ mode: text('linear') }, float32([0], [])]

test('a batch of any size stays one', () => {
  assert.deepEqual(shapeOf('Resize', [['rows', 2, 3, 4], undefined, scales(1, 1, 2, 1.5)]), ['rows', 2, 6, 6])
  assert.deepEqual(shapeOf('DepthToSpace', [['rows', 8, 3, 4]], { blocksize: int(2) }), ['rows', 2, 6, 8])
  assert.deepEqual(shapeOf('SpaceToDepth', [['rows', 2, 6, 8]], { blocksize: int(2) }), ['rows', 8, 3, 4])
})

test('an empty tensor is an input left out', () => {
  assert.deepEqual(shapeOf('Resize', [[1, 2, 3], empty, empty, sizes(1, 2, 6)]), [1, 2, 6])
})

test('a size must be known and possible', () => {
  const uses: readonly (readonly Given[])[] = [
    [[1, 2, 3]],
    [[1, 2, 3], undefined, [3]],
    [[1, 2, 3], undefined, empty],
    [[1, 2, 3], undefined, scales(1, 1, 2), sizes(1, 2, 6)],
    [[1, 2, 3], undefined, scales(1, 2)],
    [[1, 2, 3], undefined, sizes(1, 2, 6)],
    [[1, 2, 3], undefined, scales(1, 1, 0.25)],
    [[1, 2, 3], undefined, scales(1, 1, -1)],
    [[1, 2, 3], undefined, scales(1, 1, Number.NaN)],
    [[1, 2, 3], undefined, scales(1, 1, 1e9)],
    [[1, 2, 0], undefined, scales(1, 1, 2)],
    [[1, 2, 'width'], undefined, scales(1, 1, 2)],
    [['rows', 2, 3], undefined, undefined, sizes(1, 2, 6)],
  ]
  for (const inputs of uses) assertInvalid('Resize', inputs)
})

test('what is neither linear nor nearest, or mixes channels, is refused', () => {
  const double: readonly Given[] = [[1, 2, 3, 3], undefined, scales(1, 1, 2, 2)]
  for (const attributes of [
    { mode: text('cubic') },
    { ...linear, antialias: int(1) },
    { ...linear, exclude_outside: int(1) },
    { ...linear, coordinate_transformation_mode: text('tf_crop_and_resize') },
    { nearest_mode: text('simple') },
    { nearest_mode: text('constructor') },
    { axes: ints([2, 3]) },
    { keep_aspect_ratio_policy: text('not_larger') },
  ])
    assertRefused('Resize', double, attributes)
  assertRefused('Resize', [[1, 2, 3], undefined, scales(1, 2, 2)], linear)
  assertRefused('Resize', [[1, 2, 3], undefined, scales(1, 1, 1.25)], linear)
  assertRefused('Resize', [[2, 3], undefined, scales(1, 2)], linear)
})

test('an element whose nearest is a matter of rounding is refused', () => {
  const floor = { coordinate_transformation_mode: text('asymmetric'), nearest_mode: text('floor') }
  const sixth = [...Array(64).keys()].flatMap((from) => [...Array(64).keys()].map((to) => [from + 1, to + 1] as const))
  const refusals = sixth.filter(([from, to]) => {
    try {
      shapeOf('Resize', [[from], undefined, undefined, sizes(to)], floor)
      return false
    } catch {
      return true
    }
  })
  assert.ok(refusals.length > 0 && refusals.every(([from, to]) => to % from !== 0), String(refusals.length))
})

test('blocks that do not fit are invalid', () => {
  for (const attributes of [{}, { blocksize: int(0) }, { blocksize: int(3) }])
    for (const op of ['DepthToSpace', 'SpaceToDepth']) assertInvalid(op, [[1, 4, 4, 4]], attributes)
  for (const shape of [
    [1, 4, 4],
    [1, 'channels', 4, 4],
    [1, 4, 'height', 4],
  ])
    for (const op of ['DepthToSpace', 'SpaceToDepth']) assertInvalid(op, [shape], { blocksize: int(2) })
  assertInvalid('DepthToSpace', [[1, 4, 4, 4]], { blocksize: int(2), mode: text('RCD') })
})
