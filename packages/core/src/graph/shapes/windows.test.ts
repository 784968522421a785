/** What no window fits on, or has attributes that do not belong together, is refused with a code. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '../../errors.ts'
import { graphBuilder } from '../builder.ts'
import { type Attribute, int, ints, type Shape, text } from '../ir.ts'

type Attributes = Readonly<Record<string, Attribute>>

function shapeOf(op: string, shapes: readonly Shape[], attributes: Attributes = {}): Shape {
  const b = graphBuilder()
  const names = shapes.map((shape, index) => b.input({ name: `x${index}`, type: 'float32', shape }))
  return b.shape(b.node(op, names, { attributes }))
}
const refused = (op: string, shapes: readonly Shape[], attributes: Attributes = {}): void =>
  assert.throws(
    () => shapeOf(op, shapes, attributes),
    (error) => error instanceof WardroundError && error.code === 'WR_GRAPH_INVALID',
    `${op} ${JSON.stringify([shapes, attributes])}`,
  )

const [x, w]: readonly Shape[] = [
  ['rows', 2, 8, 8],
  [4, 2, 3, 3],
]
const pair: readonly Shape[] = [x ?? [], w ?? []]

test('a batch of any size stays one', () => {
  assert.deepEqual(shapeOf('Conv', pair), ['rows', 4, 6, 6])
  assert.deepEqual(shapeOf('Conv', pair, { auto_pad: text('SAME_UPPER'), strides: ints([2, 3]) }), ['rows', 4, 4, 3])
  assert.deepEqual(shapeOf('ConvTranspose', [['rows', 4, 6, 6], w ?? []], { strides: ints([2, 2]) }), [
    'rows',
    2,
    13,
    13,
  ])
})

test('operands that do not fit are refused', () => {
  refused('Conv', [
    [1, 2, 8, 8],
    [4, 3, 3, 3],
  ])
  refused('Conv', [
    [1, 2, 8, 8],
    [4, 2, 3],
  ])
  refused('Conv', [
    [1, 2],
    [4, 2],
  ])
  refused('Conv', [
    [1, 2, 8, 8],
    ['outputs', 2, 3, 3],
  ])
  refused('Conv', [
    [1, 2, 'height', 8],
    [4, 2, 3, 3],
  ])
  refused('Conv', [
    [1, 2, 2, 2],
    [4, 2, 3, 3],
  ])
  refused('Conv', [...pair, [3]])
  refused('Conv', [...pair, [1, 4]])
  refused('ConvTranspose', [
    [1, 2, 8, 8],
    [4, 2, 3, 3],
  ])
  refused('ConvTranspose', [[1, 4, 8, 8], [4, 2, 3, 3], [4]])
  refused(
    'ConvTranspose',
    [
      [1, 4, 1, 1],
      [4, 2, 1, 1],
    ],
    { pads: ints([1, 1, 0, 0]) },
  )
})

test('attributes that do not fit are refused', () => {
  const uses: readonly Attributes[] = [
    { group: int(0) },
    { group: int(3) },
    { kernel_shape: ints([3, 2]) },
    { strides: ints([0, 1]) },
    { strides: ints([1]) },
    { strides: ints([2 ** 40, 1]) },
    { dilations: ints([1, -1]) },
    { dilations: ints([9, 9]) },
    { pads: ints([1, 1]) },
    { pads: ints([-1, 0, 0, 0]) },
    { auto_pad: text('SAME') },
    { auto_pad: text('SAME_LOWER'), dilations: ints([2, 2]) },
  ]
  for (const attributes of uses) refused('Conv', pair, attributes)
  const turned: readonly Shape[] = [
    [1, 4, 8, 8],
    [4, 2, 3, 3],
  ]
  for (const attributes of [
    { group: int(3) },
    { output_padding: ints([1, 1]) },
    { output_padding: ints([1]), strides: ints([2, 2]) },
    { output_padding: ints([-1, 0]), strides: ints([2, 2]) },
    { output_shape: ints([10, 10]) },
    { auto_pad: text('SAME_UPPER') },
    { auto_pad: int(1) },
  ])
    refused('ConvTranspose', turned, attributes)
})
