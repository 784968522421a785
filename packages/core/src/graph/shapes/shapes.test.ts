import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../../errors.ts'
import { graphBuilder } from '../builder.ts'
import { run } from '../interpreter/interpret.ts'
import { operators } from '../interpreter/operators/registry.ts'
import { commonShape, type Value } from '../interpreter/values.ts'
import { type Attribute, type Dim, int, ints, type Shape, text } from '../ir.ts'
import { drawCase, operatorCases } from '../testing/cases/registry.ts'
import { drawn } from '../testing/draws.ts'
import { assertInvalid, assertRefused, shapeOf as given } from '../testing/shape-of.ts'
import { graphOf } from '../testing/uses.ts'
import { inferNode, shapedOperators } from './registry.ts'
import { broadcast } from './rule.ts'

const invalid = (error: unknown): boolean => error instanceof WardroundError && error.code === 'WR_GRAPH_INVALID'

test('every operator with a shape rule has a case and a meaning in the reference interpreter', () => {
  assert.deepEqual(Object.keys(operatorCases).toSorted(), [...shapedOperators].toSorted())
  assert.deepEqual(Object.keys(operators).toSorted(), [...shapedOperators].toSorted())
})

for (const op of shapedOperators) {
  test(`${op}: type and shape are those of the value that comes out`, () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const use = drawCase(g, op, operatorCases)
        const { b, ys, feeds } = graphOf(use)
        const values = run(b.build('one', ys), feeds)
        for (const y of ys)
          assert.deepEqual(
            { type: b.info(y).type, shape: b.shape(y) },
            { type: values[y]?.type, shape: values[y]?.shape },
            JSON.stringify(use),
          )
      }),
      drawn(),
    )
  })
}

type Options = { readonly attributes?: Readonly<Record<string, Attribute>>; readonly constant?: readonly number[] }

/** The shape that `op` gives inputs of these shapes; `constant` follows as an int64 initializer. */
function shapeOf(op: string, shapes: readonly Shape[], { attributes = {}, constant }: Options = {}): Shape {
  const b = graphBuilder()
  const names = shapes.map((shape, index) => b.input({ name: `x${index}`, type: 'float32', shape }))
  return b.shape(b.node(op, constant === undefined ? names : [...names, b.axes(constant)], { attributes }))
}
const refused = (op: string, shapes: readonly Shape[], options: Options = {}): void =>
  assert.throws(() => shapeOf(op, shapes, options), invalid, `${op} ${JSON.stringify([shapes, options])}`)

test('cuts and pads are constants that belong together', () => {
  type Given = readonly (readonly number[] | undefined)[]
  const use = (op: string, shape: Shape, given: Given): Shape => {
    const b = graphBuilder()
    const x = b.input({ name: 'x', type: 'float32', shape })
    const attributes = op === 'Pad' && given.length === 0 ? { mode: text('reflect') } : {}
    return b.shape(
      b.node(op, [x, ...given.map((values) => (values === undefined ? '' : b.axes(values)))], { attributes }),
    )
  }
  assert.deepEqual(use('Slice', ['rows', 5], [[-4], [100], [1], [2]]), ['rows', 2])
  assert.deepEqual(use('Slice', [5], [[9], [-9], [0], [-2]]), [3])
  assert.deepEqual(use('Pad', ['rows', 5], [[0, 1, 0, 2]]), ['rows', 8])
  const wrong: readonly (() => Shape)[] = [
    () => use('Slice', [5], [[0]]),
    () => use('Slice', [5], [[0], [1], [1]]),
    () => use('Slice', [5], [[0], [1], [0], [0]]),
    () =>
      use(
        'Slice',
        [5, 5],
        [
          [0, 0],
          [1, 1],
          [0, -2],
        ],
      ),
    () => use('Slice', [5, 5], [[0, 0], [1]]),
    () => use('Slice', ['rows'], [[0], [1]]),
    () => use('Pad', ['rows'], [[0, 1]]),
    () => use('Pad', [5], [[1]]),
    () => use('Pad', [5], [[-1, 0]]),
    () => use('Pad', [5], [[1, 1], undefined, [0]]),
    () => use('Pad', [5], []),
  ]
  for (const [index, attempt] of wrong.entries()) assert.throws(attempt, invalid, String(index))
})

const whole = (...data: number[]): Value => ({ type: 'int64', shape: [data.length], data })

test('copies, triangles, sums and what is laid flat keep symbols', () => {
  assert.deepEqual(given('Tile', [['rows', 2], whole(1, 3)]), ['rows', 6])
  assert.deepEqual(given('Flatten', [['rows', 2, 3]]), ['rows', 6])
  assert.deepEqual(given('Trilu', [['rows', 2, 3]]), ['rows', 2, 3])
  assert.deepEqual(given('CumSum', [['rows', 2], whole(-2)]), ['rows', 2])
  assert.deepEqual(given('Dropout', [['rows', 2], []]), ['rows', 2])
})

test('copies, mirrors, triangles and sums that do not fit are invalid', () => {
  assertInvalid('Tile', [['rows', 2], whole(2, 1)])
  assertInvalid('Tile', [[2, 2], whole(2)])
  assertInvalid('Tile', [[2], whole(-1)])
  assertInvalid('Flatten', [['rows', 2, 3]], { axis: int(0) })
  assertInvalid('Flatten', [['a', 'b']], { axis: int(2) })
  assertInvalid('Flatten', [[2, 3]], { axis: int(3) })
  assertInvalid('Trilu', [[2]])
  assertInvalid('Trilu', [[2, 2], [1]])
  assertInvalid('CumSum', [[2], []])
  assertInvalid('CumSum', [[2], whole(1)])
  assertInvalid('CumSum', [[2, 2], whole(0, 1)])
  assertInvalid('Pad', [[2], whole(2, 0)], { mode: text('reflect') })
  assertInvalid('Pad', [[0], whole(1, 0)], { mode: text('edge') })
  assertInvalid('Pad', [[2], whole(1, 0)], { mode: text('wrap') })
})

test('Dropout is refused where it draws', () => {
  const flag = (value: number): Value => ({ type: 'bool', shape: [], data: [value] })
  assert.deepEqual(given('Dropout', [[2], undefined, flag(0)]), [2])
  assertRefused('Dropout', [[2], undefined, flag(1)])
  assertRefused('Dropout', [[2], undefined, []])
  const b = graphBuilder()
  const x = b.input({ name: 'x', type: 'float32', shape: [2] })
  assert.throws(
    () => b.several('Dropout', [x], { outputs: 2 }),
    (error) => error instanceof WardroundError && error.code === 'WR_GRAPH_REFUSED',
  )
})

test('shapes broadcast as in NumPy, and symbols with themselves and with 1 alone', () => {
  const cases: readonly (readonly [Shape, Shape, Shape])[] = [
    [[], [], []],
    [[2, 3], [], [2, 3]],
    [
      [2, 1],
      [1, 3],
      [2, 3],
    ],
    [[3], [2, 1], [2, 3]],
    [['rows', 4], [4], ['rows', 4]],
    [
      ['rows', 1],
      [1, 4],
      ['rows', 4],
    ],
    [
      ['rows', 4],
      ['rows', 1],
      ['rows', 4],
    ],
    [['rows'], ['columns', 1], ['columns', 'rows']],
    [[0], [1], [0]],
  ]
  for (const [a, b, wanted] of cases) {
    assert.deepEqual(broadcast(a, b), wanted)
    assert.deepEqual(broadcast(b, a), wanted)
  }
  for (const [a, b] of [
    [[2], [3]],
    [['rows'], [3]],
    [['rows'], ['columns']],
    [[0], [2]],
  ] satisfies (readonly [Dim[], Dim[]])[]) {
    assert.throws(() => broadcast(a, b), invalid)
    assert.throws(() => broadcast(b, a), invalid)
  }
})

test('broadcasting agrees with the reference wherever both are defined', () => {
  const shape = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 })
  let refusals = 0
  fc.assert(
    fc.property(shape, shape, (a, b) => {
      let wanted: readonly number[] | undefined
      try {
        wanted = commonShape([a, b])
      } catch {
        refusals += 1
      }
      if (wanted === undefined) assert.throws(() => broadcast(a, b), invalid)
      else assert.deepEqual(broadcast(a, b), wanted)
    }),
  )
  assert.ok(refusals > 0)
})

test('the extent that is known only at run time stays a symbol', () => {
  const rows = 'rows'
  assert.deepEqual(shapeOf('Tanh', [[rows, 3]]), [rows, 3])
  assert.deepEqual(shapeOf('Gemm', [[rows, 3], [3, 2], [2]]), [rows, 2])
  assert.deepEqual(
    shapeOf(
      'Gemm',
      [
        [3, rows],
        [3, 2],
      ],
      { attributes: { transA: int(1) } },
    ),
    [rows, 2],
  )
  assert.deepEqual(
    shapeOf('MatMul', [
      [4, rows, 3],
      [3, 2],
    ]),
    [4, rows, 2],
  )
  assert.deepEqual(shapeOf('ReduceSum', [[rows, 3]], { constant: [1] }), [rows, 1])
  assert.deepEqual(shapeOf('ReduceSum', [[rows, 3]], { constant: [0], attributes: { keepdims: int(0) } }), [3])
  assert.deepEqual(shapeOf('Transpose', [[rows, 3]]), [3, rows])
  assert.deepEqual(
    shapeOf(
      'Concat',
      [
        [rows, 3],
        [rows, 2],
      ],
      { attributes: { axis: int(-1) } },
    ),
    [rows, 5],
  )
  assert.deepEqual(shapeOf('Unsqueeze', [[rows]], { constant: [-1, 0] }), [1, rows, 1])
  assert.deepEqual(shapeOf('Squeeze', [[1, rows, 1]], { constant: [-1, 0] }), [rows])
  assert.deepEqual(shapeOf('Expand', [[rows, 1]], { constant: [1, 4] }), [rows, 4])
  assert.deepEqual(shapeOf('Where', [[rows, 1], [3], []]), [rows, 3])
})

test('Reshape keeps a symbol where it must be the extent left open, and refuses what only the run could tell', () => {
  assert.deepEqual(shapeOf('Reshape', [['rows', 4]], { constant: [-1, 4] }), ['rows', 4])
  assert.deepEqual(shapeOf('Reshape', [['rows', 4]], { constant: [-1, 2, 2] }), ['rows', 2, 2])
  assert.deepEqual(shapeOf('Reshape', [['rows', 4]], { constant: [0, -1] }), ['rows', 4])
  assert.deepEqual(shapeOf('Reshape', [['rows', 4]], { constant: [0, 2, -1] }), ['rows', 2, 2])
  assert.deepEqual(shapeOf('Reshape', [['a', 'b']], { constant: [0, -1] }), ['a', 'b'])
  assert.deepEqual(shapeOf('Reshape', [['n', 'n']], { constant: [0, -1] }), ['n', 'n'])
  // Whoever writes a number there says what the symbol will be.
  assert.deepEqual(shapeOf('Reshape', [['rows', 4]], { constant: [2, 4] }), [2, 4])
  assert.deepEqual(shapeOf('Reshape', [[2, 0]], { constant: [0, 0] }), [2, 0])
  assert.deepEqual(shapeOf('Reshape', [[2, 0]], { constant: [0, 3], attributes: { allowzero: int(1) } }), [0, 3])
  refused('Reshape', [['rows', 4]], { constant: [-1] })
  refused('Reshape', [['rows', 4]], { constant: [-1, 2] })
  refused('Reshape', [['rows', 4]], { constant: [-1, 8] })
  refused('Reshape', [['a', 'b']], { constant: [-1] })
})

test('what does not fit together is refused, for every operator that can misfit', () => {
  refused('Add', [[2], [3]])
  refused('Where', [[2], [3], []])
  refused('PRelu', [[2], [3]])
  refused('PRelu', [[2], [3, 2]])
  refused('PRelu', [[1], [2]])
  refused('Clip', [[2], [1]])
  refused('Clip', [[2], [], [2]])
  refused('MatMul', [
    [2, 3],
    [2, 3],
  ])
  refused('MatMul', [[2], [3, 2]])
  refused('MatMul', [[3, 2], [3]])
  refused('MatMul', [[], [3]])
  refused('MatMul', [[], []])
  refused('Mod', [[2], [2]])
  refused('MatMul', [[3], []])
  refused('MatMul', [
    [2, 1, 1],
    [3, 1, 1],
  ])
  refused('Gemm', [
    [2, 3],
    [2, 3],
  ])
  refused('Gemm', [
    [2, 3, 1],
    [3, 2],
  ])
  // The bias is stretched to the product, never the product to the bias.
  refused('Gemm', [
    [1, 3],
    [3, 2],
    [4, 2],
  ])
  refused('Gemm', [
    [2, 3],
    [3, 2],
    [1, 2, 2],
  ])
  refused('Gemm', [[2, 3], [3, 2], [3]])
  refused('Transpose', [[2, 3]], { attributes: { perm: ints([0]) } })
  refused('Transpose', [[2, 3]], { attributes: { perm: ints([0, 0]) } })
  refused('Transpose', [[2, 3]], { attributes: { perm: ints([1, 2]) } })
  refused('Reshape', [[2, 3]], { constant: [7] })
  refused('Reshape', [[2, 3]], { constant: [4, -1] })
  refused('Reshape', [[2, 3]], { constant: [-1, -1] })
  refused('Reshape', [[2, 3]], { constant: [-2, -3] })
  refused('Reshape', [[2, 3]], { constant: [2, 3, 0] })
  refused(
    'Concat',
    [
      [2, 3],
      [3, 3],
    ],
    { attributes: { axis: int(1) } },
  )
  refused('Concat', [[2, 3], [2]], { attributes: { axis: int(0) } })
  refused('Concat', [['rows'], ['rows']], { attributes: { axis: int(0) } })
  refused('Squeeze', [[2, 1]], { constant: [0] })
  refused('Squeeze', [['rows', 1]])
  refused('Expand', [[2]], { constant: [3] })
  refused('ReduceSum', [[2]], { constant: [], attributes: { noop_with_empty_axes: int(1) } })
})

test('an axis that a value does not have, or that is named twice, is refused', () => {
  for (const axis of [2, -3]) {
    refused('ReduceSum', [[2, 3]], { constant: [axis] })
    refused('Squeeze', [[1, 1]], { constant: [axis] })
    refused('Unsqueeze', [[2]], { constant: [axis] })
    for (const op of ['Softmax', 'Hardmax', 'ArgMax', 'ArgMin'])
      refused(op, [[2, 3]], { attributes: { axis: int(axis) } })
    refused('LogSoftmax', [[2, 3]], { attributes: { axis: int(axis) } })
    refused('Concat', [[2, 3]], { attributes: { axis: int(axis) } })
    refused('Gather', [[2, 3], [1]], { attributes: { axis: int(axis) } })
  }
  refused('ReduceSum', [[2, 3]], { constant: [1, -1] })
  refused('Unsqueeze', [[2]], { constant: [0, -3] })
})

test('axes and target shapes must be constants', () => {
  for (const op of ['ReduceSum', 'ReduceMean', 'Squeeze', 'Unsqueeze', 'Reshape', 'Expand']) {
    const b = graphBuilder()
    const x = b.input({ name: 'x', type: 'float32', shape: [1] })
    const axes = b.input({ name: 'axes', type: 'int64', shape: [1] })
    assert.throws(() => b.node(op, [x, axes]), invalid, op)
  }
  refused('Unsqueeze', [[2]])
  refused('Reshape', [[2]])
})

test('operators without a rule, missing inputs and unknown types are coded errors', () => {
  const node = { domain: '', inputs: [], outputs: ['y'], attributes: {} }
  const lookup = { info: () => assert.fail('nothing is looked up'), constant: () => undefined }
  for (const op of [...shapedOperators, 'Conv', 'constructor', '__proto__'])
    assert.throws(() => inferNode({ ...node, op }, lookup), invalid, op)
  // 10 is Float16 and 11 Float64; 0 is no type at all.
  for (const to of [0, 10, 11, 99]) refused('Cast', [[2]], { attributes: { to: int(to) } })
  refused('Cast', [[2]])
})
