import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '../../errors.ts'
import { graphBuilder } from '../builder.ts'
import { type Attribute, int, type Shape } from '../ir.ts'

type Options = { readonly attributes?: Readonly<Record<string, Attribute>>; readonly outputs?: number }

/** The shapes of what `op` makes of Float32 inputs of these shapes. */
function shapesOf(op: string, shapes: readonly Shape[], { attributes = {}, outputs = 1 }: Options = {}) {
  const b = graphBuilder()
  const inputs = shapes.map((shape, index) => b.input({ name: `x${index}`, type: 'float32', shape }))
  return b.several(op, inputs, { attributes, outputs }).map((name) => b.shape(name))
}
const refused = (op: string, shapes: readonly Shape[], options: Options = {}): void =>
  assert.throws(
    () => shapesOf(op, shapes, options),
    (error) => error instanceof WardroundError && error.code === 'WR_GRAPH_INVALID',
    `${op} ${JSON.stringify([shapes, options])}`,
  )

test('the extent that is known only at run time stays a symbol, in statistics too', () => {
  assert.deepEqual(shapesOf('LayerNormalization', [['rows', 3, 4], [4]], { outputs: 3 }), [
    ['rows', 3, 4],
    ['rows', 3, 1],
    ['rows', 3, 1],
  ])
  assert.deepEqual(
    shapesOf(
      'LayerNormalization',
      [
        ['rows', 3, 4],
        [3, 4],
      ],
      { outputs: 2, attributes: { axis: int(-2) } },
    ),
    [
      ['rows', 3, 4],
      ['rows', 1, 1],
    ],
  )
  const batch: readonly Shape[] = [['rows', 3, 5], [3], [3], [3], [3]]
  assert.deepEqual(shapesOf('BatchNormalization', batch), [['rows', 3, 5]])
  assert.deepEqual(shapesOf('BatchNormalization', batch, { attributes: { training_mode: int(1) }, outputs: 3 }), [
    ['rows', 3, 5],
    [3],
    [3],
  ])
  assert.deepEqual(shapesOf('GroupNormalization', [['rows', 4, 5], [4], [4]], { attributes: { num_groups: int(2) } }), [
    ['rows', 4, 5],
  ])
})

test('what does not fit what is normalised is refused', () => {
  refused('LayerNormalization', [[2, 3], [2]])
  refused('LayerNormalization', [
    [2, 3],
    [1, 2, 3],
  ])
  refused('LayerNormalization', [[1], [1, 1]])
  refused('LayerNormalization', [[2, 3], [3], [2]])
  refused('LayerNormalization', [[1, 3], [3], [2, 3]])
  refused('LayerNormalization', [[2, 3], [3]], { attributes: { axis: int(2) } })
  refused('LayerNormalization', [[], []])
  refused('LayerNormalization', [[2, 3], [3]], { attributes: { stash_type: int(10) } })
  refused('LayerNormalization', [[2, 3], [3]], { outputs: 4 })
  refused('LayerNormalization', [[2, 3]])
  refused('InstanceNormalization', [[2, 3], [3], [3]])
  refused('InstanceNormalization', [[2, 3, 4], [4], [3]])
  refused('InstanceNormalization', [
    [2, 3, 4],
    [3, 1],
    [3, 1],
  ])
  refused('InstanceNormalization', [[2, 3, 4], [3]])
  const group = (groups: number, ...more: readonly (readonly [string, Attribute])[]) => ({
    attributes: { num_groups: int(groups), ...Object.fromEntries(more) },
  })
  refused('GroupNormalization', [[2, 4, 5], [4], [4]])
  for (const groups of [-2, 0, 3, 8]) refused('GroupNormalization', [[2, 4, 5], [4], [4]], group(groups))
  refused('GroupNormalization', [[4], [4], [4]], group(1))
  refused('GroupNormalization', [['rows', 'channels', 5], ['channels'], ['channels']], group(1))
  // As it was before opset 21: a value for each group.
  refused('GroupNormalization', [[2, 4, 5], [2], [2]], group(2))
  refused('GroupNormalization', [[2, 4, 5], [4], [4]], group(2, ['stash_type', int(10)]))
  for (const axis of [2, -3]) refused('LpNormalization', [[2, 3]], { attributes: { axis: int(axis) } })
  refused('LpNormalization', [[2, 3]], { attributes: { p: int(3) } })
})

test('batch normalisation has three outputs in training and one otherwise', () => {
  const shapes: readonly Shape[] = [[2, 3], [3], [3], [3], [3]]
  refused('BatchNormalization', shapes, { outputs: 2 })
  refused('BatchNormalization', shapes, { outputs: 1, attributes: { training_mode: int(1) } })
  refused('BatchNormalization', shapes, { outputs: 2, attributes: { training_mode: int(1) } })
  refused('BatchNormalization', shapes.slice(0, 4))
  for (const index of [1, 2, 3, 4]) refused('BatchNormalization', shapes.with(index, [2]))
})
