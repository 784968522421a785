import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '../errors.ts'
import { graphBuilder } from './builder.ts'
import { int, ints, subgraph } from './ir.ts'
import { checkGraph, graphLimits } from './safelist.ts'

const invalid = (error: unknown): boolean => error instanceof WardroundError && error.code === 'WR_GRAPH_INVALID'
const vector = (name: string) => ({ name, type: 'float32' as const, shape: [3] })

test('names are made in order, or given, and each value knows its type and shape', () => {
  const b = graphBuilder('p/')
  const x = b.input(vector('x'))
  assert.deepEqual([b.node('Neg', [x]), b.node('Greater', [x, x])], ['p/Neg_1', 'p/Greater_2'])
  assert.equal(b.node('Neg', [x], { name: 'y' }), 'y')
  assert.deepEqual([b.info('p/Greater_2'), b.shape('y')], [{ type: 'bool', shape: [3] }, [3]])
})

test('a name that nobody defined, or two defined, is an error', () => {
  const b = graphBuilder()
  b.input(vector('x'))
  assert.throws(() => b.node('Neg', ['z']), invalid)
  assert.throws(() => b.info('z'), invalid)
  assert.throws(() => b.call('Scan', ['z'], { outputs: [] }), invalid)
  assert.throws(() => b.build('g', ['z']), invalid)
  for (const again of [
    () => b.input(vector('x')),
    () => b.outer(vector('x')),
    () => b.initializer({ ...vector('x'), data: new Float32Array(3) }),
    () => b.node('Neg', ['x'], { name: 'x' }),
    () => b.call('Scan', ['x'], { outputs: [vector('x')] }),
  ])
    assert.throws(again, invalid)
})

test('constants are made once for each value', () => {
  const b = graphBuilder()
  assert.equal(b.scalar(0.5), b.scalar(0.5))
  assert.notEqual(b.scalar(0.5), b.scalar(-0.5))
  assert.equal(b.axes([0, 1]), b.axes([0, 1]))
  assert.notEqual(b.axes([0, 1]), b.axes([1]))
  assert.deepEqual(b.constant(b.scalar(0.1)), {
    name: b.scalar(0.1),
    type: 'float32',
    shape: [],
    data: Float32Array.of(0.1),
  })
  assert.deepEqual(b.constant(b.axes([-1, 0]))?.data, BigInt64Array.of(-1n, 0n))
  b.input(vector('x'))
  assert.equal(b.constant('x'), undefined)
})

test('a graph holds what its outputs need, in order, and every input', () => {
  const b = graphBuilder()
  const [x] = [b.input(vector('x')), b.input(vector('unused'))]
  const a = b.node('Exp', [x])
  b.node('Mul', [a, b.scalar(7)])
  const y = b.node('Add', [a, b.scalar(2)])
  const graph = b.build('g', [y, a])
  assert.deepEqual(
    graph.nodes.map(({ op }) => op),
    ['Exp', 'Add'],
  )
  assert.deepEqual(
    graph.initializers.map(({ data }) => [...data]),
    [[2]],
  )
  assert.deepEqual(graph.inputs, [vector('x'), vector('unused')])
  assert.deepEqual(graph.outputs, [vector(y), vector(a)])
  checkGraph(graph)
  // The same builder goes on, and what it built before stays as it was.
  b.node('Neg', [y])
  assert.equal(graph.nodes.length, 2)
})

test('what comes to more than a site executes is refused while it is built', () => {
  const coded = (problem: RegExp) => (error: unknown) =>
    error instanceof WardroundError && error.code === 'WR_GRAPH_REFUSED' && problem.test(error.message)
  const b = graphBuilder()
  let value = b.input(vector('x'))
  for (let count = 0; count < graphLimits.nodes; count++) value = b.node('Neg', [value])
  checkGraph(b.build('g', [value]))
  assert.throws(() => b.node('Neg', [value]), coded(/nodes/))
  const tables = graphBuilder()
  tables.table([1], [1])
  // Together one too many; and nothing has been copied yet.
  assert.throws(() => tables.table([2 ** 25], { length: 2 ** 25 }), coded(/tables/))
})

test('what only a body uses is kept for it, however deep', () => {
  const inner = graphBuilder('inner/')
  inner.outer(vector('deep'))
  const deepest = inner.build('inner', [inner.node('Neg', ['deep'])])
  const middle = graphBuilder('middle/')
  for (const name of ['shallow', 'deep', 'handed']) middle.outer(vector(name))
  middle.call('Scan', ['shallow'], { outputs: [vector('middle/y')], attributes: { body: subgraph(deepest) } })
  const body = middle.build('middle', ['middle/y', 'handed'])

  const b = graphBuilder()
  const x = b.input(vector('x'))
  for (const name of ['shallow', 'deep', 'handed', 'nobody']) b.node('Neg', [x], { name })
  b.call('Scan', [x], {
    outputs: [vector('y'), vector('z')],
    attributes: { body: subgraph(body), num_scan_inputs: int(0), scan_input_axes: ints([]) },
  })
  const graph = b.build('g', ['z'])
  assert.deepEqual(
    graph.nodes.map(({ outputs }) => outputs),
    [['shallow'], ['deep'], ['handed'], ['y', 'z']],
  )
  checkGraph(graph)
})

test('a scalar that meets columns has as many axes as they have, and nothing else is changed', () => {
  const b = graphBuilder()
  b.input({ name: 'column', type: 'float32', shape: ['rows', 1] })
  b.input({ name: 'row', type: 'float32', shape: [1, 3] })
  b.input({ name: 'one', type: 'float32', shape: [1] })
  b.input({ name: 'rate', type: 'float32', shape: [] })
  const half = b.scalar(0.5)
  for (const [inputs, shapes] of [
    [
      ['column', half],
      [
        ['rows', 1],
        [1, 1],
      ],
    ],
    [
      [half, 'column'],
      [
        [1, 1],
        ['rows', 1],
      ],
    ],
    [
      ['row', half],
      [[1, 3], []],
    ],
    [
      ['one', half],
      [[1], []],
    ],
    [
      ['column', 'rate'],
      [['rows', 1], []],
    ],
  ] as const) {
    b.node('Mul', inputs)
    assert.deepEqual(
      b
        .nodes()
        .at(-1)
        ?.inputs.map((name) => b.shape(name)),
      shapes,
    )
  }
  assert.deepEqual([...(b.constant(b.nodes()[0]?.inputs[1] ?? '')?.data ?? [])], [0.5])
  assert.deepEqual(b.shape(b.node('Clip', ['column', half, half])), ['rows', 1])
  assert.deepEqual(b.nodes().at(-1)?.inputs, ['column', half, half])
})
