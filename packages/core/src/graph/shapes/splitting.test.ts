import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '../../errors.ts'
import { graphBuilder } from '../builder.ts'
import { type Attribute, int, type Shape } from '../ir.ts'

type Use = {
  readonly shape: Shape
  readonly outputs: number
  readonly sizes?: readonly number[]
  readonly attributes?: Readonly<Record<string, Attribute>>
}

function split({ shape, outputs, sizes, attributes = {} }: Use): readonly Shape[] {
  const b = graphBuilder()
  const x = b.input({ name: 'x', type: 'float32', shape })
  return b.several('Split', sizes === undefined ? [x] : [x, b.axes(sizes)], { outputs, attributes }).map(b.shape)
}

test('the last of equal parts may be smaller, and symbols stay', () => {
  assert.deepEqual(split({ shape: [7, 'rows'], outputs: 3 }), [
    [3, 'rows'],
    [3, 'rows'],
    [1, 'rows'],
  ])
  assert.deepEqual(split({ shape: ['rows', 3], outputs: 2, sizes: [3, 0], attributes: { axis: int(-1) } }), [
    ['rows', 3],
    ['rows', 0],
  ])
})

test('parts that are not the whole are invalid', () => {
  const uses: readonly Use[] = [
    { shape: ['rows'], outputs: 2 },
    { shape: [4], outputs: 2, attributes: { num_outputs: int(3) } },
    // Three of two are more than five.
    { shape: [5], outputs: 4 },
    { shape: [5], outputs: 2, sizes: [2, 2] },
    { shape: [5], outputs: 2, sizes: [5] },
    { shape: [5], outputs: 2, sizes: [6, -1] },
    { shape: [5], outputs: 1, attributes: { axis: int(1) } },
  ]
  for (const use of uses)
    assert.throws(
      () => split(use),
      (error) => error instanceof WardroundError && error.code === 'WR_GRAPH_INVALID',
      JSON.stringify(use),
    )
})
