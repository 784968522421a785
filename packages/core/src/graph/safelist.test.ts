import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, WardroundError } from '../errors.ts'
import { type Graph, type Node, subgraph, type Tensor } from './ir.ts'
import { allowedOperators, checkGraph, type GraphLimits, graphLimits } from './safelist.ts'

const fails = (graph: Graph, code: ErrorCode, limits?: GraphLimits): void =>
  assert.throws(
    () => checkGraph(graph, limits),
    (error) => error instanceof WardroundError && error.code === code,
  )
const node = (op: string, inputs: readonly string[], outputs: readonly string[]): Node => ({
  op,
  domain: '',
  inputs,
  outputs,
  attributes: {},
})
const floats = (name: string, size: number): Tensor => ({
  name,
  type: 'float32',
  shape: [size],
  data: new Float32Array(size),
})
const graph = (nodes: readonly Node[], rest: Partial<Graph> = {}): Graph => ({
  name: 'g',
  inputs: [{ name: 'x', type: 'float32', shape: [1] }],
  outputs: [],
  initializers: [],
  nodes,
  ...rest,
})
const output = (name: string): Pick<Graph, 'outputs'> => ({ outputs: [{ name, type: 'float32', shape: [1] }] })
/** A Scan around a body, which may use x of the graph around it. */
const scan = (body: Graph): Node => ({ ...node('Scan', ['x'], ['y']), attributes: { body: subgraph(body) } })

test('a chain of allowed operators passes', () => {
  checkGraph(graph([node('Neg', ['x'], ['a']), node('Add', ['a', 'x'], ['y'])], output('y')))
  checkGraph(graph([], output('x')))
  checkGraph(graph([node('Add', ['x', 'one'], ['y'])], { ...output('y'), initializers: [floats('one', 1)] }))
  // An optional input that is left out.
  checkGraph(graph([node('Gemm', ['x', 'x', ''], ['y'])], output('y')))
})

test('every allowed operator passes, and each other one is refused by name', () => {
  for (const op of allowedOperators) checkGraph(graph([node(op, ['x'], ['y'])], output('y')))
  const unknown = [
    'NonZero',
    'If',
    'Loop',
    'RandomUniform',
    'Constant',
    'StringNormalizer',
    'neg',
    '',
    'constructor',
    '__proto__',
  ]
  for (const op of unknown) {
    assert.throws(
      () => checkGraph(graph([node(op, ['x'], ['y'])])),
      (error) =>
        error instanceof WardroundError &&
        error.code === 'WR_GRAPH_REFUSED' &&
        error.message.includes(`operator ${op} `),
    )
  }
})

test('an allowed name of a foreign domain is refused', () => {
  for (const domain of ['com.microsoft', 'ai.onnx.ml', 'ai.onnx.training', ' '])
    fails(graph([{ ...node('Add', ['x', 'x'], ['y']), domain }]), 'WR_GRAPH_REFUSED')
})

test('a value that nothing before it computes is an error', () => {
  fails(graph([node('Neg', ['nowhere'], ['y'])]), 'WR_GRAPH_INVALID')
  fails(graph([node('Neg', ['a'], ['b']), node('Neg', ['x'], ['a'])]), 'WR_GRAPH_INVALID')
  fails(graph([node('Neg', ['y'], ['y'])]), 'WR_GRAPH_INVALID')
  fails(graph([node('Neg', ['x'], ['y'])], output('z')), 'WR_GRAPH_INVALID')
})

test('a body sees what is around it, but nothing computed later, and nothing of it is seen outside', () => {
  const bare = { inputs: [] }
  checkGraph(graph([node('Neg', ['x'], ['a']), scan(graph([node('Neg', ['a'], ['b'])], { ...bare, ...output('b') }))]))
  fails(graph([scan(graph([node('Neg', ['a'], ['b'])], bare)), node('Neg', ['x'], ['a'])]), 'WR_GRAPH_INVALID')
  fails(graph([scan(graph([node('Neg', ['x'], ['b'])], bare)), node('Neg', ['b'], ['c'])]), 'WR_GRAPH_INVALID')
  fails(graph([scan(graph([node('Neg', ['y'], ['b'])], bare))]), 'WR_GRAPH_INVALID')
})

test('operators are checked in every body', () => {
  fails(graph([scan(graph([scan(graph([node('Loop', ['x'], ['z'])]))]))]), 'WR_GRAPH_REFUSED')
})

test('each limit holds exactly, counted over all graphs together', () => {
  const limits = { nodes: 3, depth: 2, tensorValues: 10 }
  const two = graph([node('Neg', ['x'], ['a']), node('Neg', ['a'], ['b'])])
  checkGraph({ ...two, nodes: [...two.nodes, node('Neg', ['b'], ['c'])] }, limits)
  fails(
    { ...two, nodes: [...two.nodes, node('Neg', ['b'], ['c']), node('Neg', ['c'], ['d'])] },
    'WR_GRAPH_REFUSED',
    limits,
  )
  checkGraph(graph([scan(two)]), limits)
  fails(graph([scan(two), node('Neg', ['x'], ['c'])]), 'WR_GRAPH_REFUSED', limits)

  fails(graph([scan(graph([scan(graph([]))]))]), 'WR_GRAPH_REFUSED', limits)
  checkGraph(graph([scan(graph([scan(graph([]))]))]), { ...limits, depth: 3 })

  checkGraph(graph([], { initializers: [floats('a', 4), floats('b', 6)] }), limits)
  fails(graph([], { initializers: [floats('a', 4), floats('b', 7)] }), 'WR_GRAPH_REFUSED', limits)
  const inner = graph([], { initializers: [floats('c', 7)] })
  fails(graph([scan(inner)], { initializers: [floats('a', 4)] }), 'WR_GRAPH_REFUSED', limits)
})

test('a site’s own limits: 20,000 nodes, three graphs deep, 2^28 constant values', () => {
  assert.deepEqual(graphLimits, { nodes: 20_000, depth: 3, tensorValues: 2 ** 28 })
  const chain = (length: number): Graph =>
    graph(Array.from({ length }, (_, index) => node('Neg', [index === 0 ? 'x' : `v${index}`], [`v${index + 1}`])))
  checkGraph(chain(20_000))
  fails(chain(20_001), 'WR_GRAPH_REFUSED')
  checkGraph(graph([scan(graph([scan(graph([]))]))]))
  fails(graph([scan(graph([scan(graph([scan(graph([]))]))]))]), 'WR_GRAPH_REFUSED')
  // What a shape claims counts, whatever is behind it.
  const claims = (shape: readonly number[]): Graph =>
    graph([], { initializers: [{ ...floats('w', 0), type: 'float32', shape, data: new Float32Array() }] })
  checkGraph(claims([2 ** 14, 2 ** 14]))
  fails(claims([2 ** 14, 2 ** 14 + 1]), 'WR_GRAPH_REFUSED')
})
