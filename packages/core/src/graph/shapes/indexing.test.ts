import assert from 'node:assert/strict'
import { test } from 'node:test'
import { int, type Shape, text } from '../ir.ts'
import { assertInvalid, assertRefused, shapeOf } from '../testing/shape-of.ts'

test('symbols stay, of the data and of the indices', () => {
  assert.deepEqual(
    shapeOf(
      'GatherElements',
      [
        ['rows', 3],
        ['rows', 2],
      ],
      { axis: int(1) },
    ),
    ['rows', 2],
  )
  assert.deepEqual(
    shapeOf(
      'ScatterElements',
      [
        ['rows', 3],
        ['rows', 2],
        ['rows', 2],
      ],
      { axis: int(-1) },
    ),
    ['rows', 3],
  )
  assert.deepEqual(
    shapeOf('GatherND', [
      [4, 5, 3],
      ['rows', 2],
    ]),
    ['rows', 3],
  )
  assert.deepEqual(
    shapeOf('ScatterND', [
      [4, 5, 3],
      ['rows', 2],
      ['rows', 3],
    ]),
    [4, 5, 3],
  )
})

test('indices and updates that do not fit are invalid', () => {
  const uses: readonly (readonly [string, readonly Shape[]])[] = [
    ['GatherElements', [[2, 3], [2]]],
    [
      'GatherElements',
      [
        [2, 3],
        [2, 4],
      ],
    ],
    [
      'GatherElements',
      [
        ['rows', 3],
        [2, 4],
      ],
    ],
    [
      'ScatterElements',
      [
        [2, 3],
        [1, 2],
        [1, 3],
      ],
    ],
    [
      'ScatterElements',
      [
        [2, 3],
        [1, 4],
        [1, 4],
      ],
    ],
    [
      'ScatterElements',
      [
        [2, 3],
        [1, 2],
      ],
    ],
    [
      'GatherND',
      [
        [2, 3],
        [2, 3],
      ],
    ],
    ['GatherND', [[2, 3], []]],
    [
      'GatherND',
      [
        [2, 3],
        [2, 'depth'],
      ],
    ],
    [
      'GatherND',
      [
        [2, 3],
        [2, 0],
      ],
    ],
    [
      'ScatterND',
      [
        [2, 3],
        [2, 1],
        [2, 2],
      ],
    ],
    ['ScatterND', [[2, 3], [2, 1], [2]]],
  ]
  for (const [op, shapes] of uses) assertInvalid(op, shapes)
  for (const axis of [2, -3])
    for (const op of ['GatherElements', 'ScatterElements'])
      assertInvalid(
        op,
        [
          [2, 3],
          [2, 3],
          [2, 3],
        ].slice(0, op === 'ScatterElements' ? 3 : 2),
        { axis: int(axis) },
      )
})

test('other reductions than a sum, and batches, are refused', () => {
  assertRefused(
    'ScatterElements',
    [
      [2, 3],
      [1, 2],
      [1, 2],
    ],
    { reduction: text('mul') },
  )
  assertRefused(
    'ScatterND',
    [
      [2, 3],
      [2, 1],
      [2, 3],
    ],
    { reduction: text('max') },
  )
  assertRefused(
    'GatherND',
    [
      [2, 3],
      [2, 1],
    ],
    { batch_dims: int(1) },
  )
})
