/** Whatever a node says, its shape is a shape, or a coded refusal. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { WardroundError } from '../../errors.ts'
import type { Dim } from '../ir.ts'
import { drawn } from '../testing/draws.ts'
import { hostile } from '../testing/hostile.ts'
import { assertInvalid, shapeOf } from '../testing/shape-of.ts'
import { inferNode, shapedOperators } from './registry.ts'

/** Of extents that are counted exactly, as are all of them together. */
const isShape = (shape: readonly Dim[]): boolean =>
  shape.every((dim) => (typeof dim === 'string' ? dim !== '' : Number.isSafeInteger(dim) && dim >= 0)) &&
  Number.isSafeInteger(shape.reduce<number>((size, dim) => size * (typeof dim === 'string' ? 1 : dim), 1))

for (const op of shapedOperators)
  test(`${op}: a use that is changed has a shape or is refused`, () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const { node, lookup, values } = hostile(g, op)
        const say = () => inspect([node, values], { depth: 9 })
        try {
          for (const { shape } of inferNode(node, lookup)) assert.ok(isShape(shape), `[${shape.join(', ')}] ${say()}`)
        } catch (error) {
          if (!(error instanceof WardroundError)) throw new Error(say(), { cause: error })
          assert.ok(['WR_GRAPH_INVALID', 'WR_GRAPH_REFUSED'].includes(error.code), say())
        }
      }),
      drawn(60),
    )
  })

test('64 axes are the most, of what comes in and of what is made', () => {
  const ones = (count: number): number[] => new Array<number>(count).fill(1)
  const axes = (count: number) => ({ type: 'int64' as const, shape: [count], data: [...ones(count).keys()] })
  const shape = (count: number) => ({ type: 'int64' as const, shape: [count], data: ones(count) })
  assert.equal(shapeOf('Relu', [ones(64)]).length, 64)
  assertInvalid('Relu', [ones(65)])
  assert.equal(shapeOf('Unsqueeze', [[2], axes(63)]).length, 64)
  for (const count of [64, 100_000]) assertInvalid('Unsqueeze', [[2], axes(count)])
  assert.equal(shapeOf('Expand', [[2], shape(64)]).length, 64)
  for (const op of ['Expand', 'Reshape']) assertInvalid(op, [[1], shape(65)])
})

test('what is beyond 2^53 is not counted', () => {
  assertInvalid('Flatten', [[2, 2 ** 26, 2 ** 27]])
  assertInvalid('Relu', [[2 ** 26, 2 ** 27]])
  assert.deepEqual(shapeOf('Flatten', [[1, 2 ** 26, 2 ** 26]]), [1, 2 ** 52])
})
