import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, WardroundError } from '@wardround/core/errors.ts'
import { graphBuilder } from '@wardround/core/graph/builder.ts'
import { decodeModel } from '@wardround/core/graph/decode-model.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import { type Graph, int, ints, type Node, subgraph } from '@wardround/core/graph/ir.ts'
import { openModel } from './open-model.ts'
import { floats, floatsOf, openSession } from './session.ts'

const coded = (code: ErrorCode) => (error: unknown) => error instanceof WardroundError && error.code === code
const node = (op: string, inputs: readonly string[], outputs: readonly string[]): Node => ({
  op,
  domain: '',
  inputs,
  outputs,
  attributes: {},
})
const column = (name: string) => ({ name, type: 'float32' as const, shape: ['rows', 1] })
const graph = (nodes: readonly Node[], output = 'y'): Graph => ({
  name: 'g',
  inputs: [column('x')],
  outputs: [column(output)],
  initializers: [],
  nodes,
})
const x = { x: Float32Array.of(1, -2) }

test('a model from a file is run on columns, and gives a row for each record', async () => {
  const run = await openModel(encodeModel(graph([node('Neg', ['x'], ['y'])])))
  assert.deepEqual(await run(x), [[-1], [2]])
  assert.deepEqual(await run({ x: new Float32Array() }), [])
})

test('a model of an earlier operator set is run as one', async () => {
  // Until opset 13 a sum had its axes as an attribute; later ones do not know it.
  const sum = { ...node('ReduceSum', ['x'], ['y']), attributes: { axes: ints([0]), keepdims: int(1) } }
  assert.deepEqual(await (await openModel(encodeModel(graph([sum]), {}, 11)))({ x: Float32Array.of(5) }), [[5]])
  await assert.rejects(openModel(encodeModel(graph([sum]), {}, 21)), coded('WR_GRAPH_INVALID'))
})

test('operators that are not on the list are refused, before the runtime sees them', async () => {
  const other = graph([node('NonZero', ['x'], ['y'])])
  await assert.rejects(openModel(encodeModel(other)), coded('WR_GRAPH_REFUSED'))
  await assert.rejects(openSession(other), coded('WR_GRAPH_REFUSED'))
})

test('bytes that are no model, and a model that the runtime does not take, are coded errors', async () => {
  await assert.rejects(openModel(Uint8Array.of(1, 2, 3)), coded('WR_GRAPH_INVALID'))
  // Not of text.
  const negated: Graph = { ...graph([node('Neg', ['x'], ['y'])]), inputs: [{ ...column('x'), type: 'string' }] }
  await assert.rejects(openModel(encodeModel(negated)), coded('WR_GRAPH_INVALID'))
})

// ---- files that say more to others than to us ----

/** A field of a message: its number below 32, and fewer than 128 bytes. */
const field = (number: number, bytes: Uint8Array): number[] => [
  ...(number < 16 ? [(number << 3) | 2] : [((number << 3) & 0x7f) | 0x82, number >> 4]),
  bytes.length,
  ...bytes,
]
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
/** NodeProto: input (1), output (2), op_type (4). */
const nodeBytes = (op: string, from: string, to: string): Uint8Array =>
  Uint8Array.of(...field(1, text(from)), ...field(2, text(to)), ...field(4, text(op)))

test('a second part of the graph, which others would join to the first, is refused', async () => {
  const shown = encodeModel(graph([node('Relu', ['x'], ['y'])]))
  // ModelProto: graph (7). GraphProto: node (1).
  const hidden = field(7, Uint8Array.of(...field(1, nodeBytes('Sin', 'x', 'h'))))
  await assert.rejects(openModel(Uint8Array.of(...hidden, ...shown)), coded('WR_GRAPH_INVALID'))
})

test('a function that takes an allowed operator’s place is refused', async () => {
  const shown = encodeModel(graph([node('Relu', ['x'], ['y'])]))
  // ModelProto: functions (25). FunctionProto: name (1), input (4), output (5), node (7), opset_import (9).
  const parts = [
    field(1, text('Relu')),
    field(4, text('a')),
    field(5, text('b')),
    field(7, nodeBytes('Sin', 'a', 'b')),
    field(9, Uint8Array.of(0x10, 21)),
  ]
  const relu = field(25, Uint8Array.of(...parts.flat()))
  await assert.rejects(openModel(Uint8Array.of(...shown, ...relu)), coded('WR_GRAPH_REFUSED'))
})

test('what is run is what was checked: a body in two parts is the part that we read', async () => {
  const body: Graph = {
    name: 'b',
    inputs: [{ name: 'i', type: 'float32', shape: [1] }],
    outputs: [{ name: 'o', type: 'float32', shape: [1] }],
    initializers: [],
    nodes: [node('Add', ['i', 'z'], ['o'])],
  }
  const scan: Node = { ...node('Scan', ['x'], ['y']), attributes: { body: subgraph(body), num_scan_inputs: int(1) } }
  const z = { name: 'z', type: 'float32' as const, shape: [1], data: Float32Array.of(10) }
  const shown = encodeModel({ ...graph([scan]), initializers: [z] })
  // AttributeProto: g (6), once more in front of the one that is there: to others z is the sine of i.
  const again = field(6, Uint8Array.of(...field(1, nodeBytes('Sin', 'i', 'z'))))
  const altered = insertInside(shown, again)
  assert.deepEqual(decodeModel(altered), decodeModel(shown))
  assert.deepEqual(await (await openModel(altered))(x), [[11], [8]])
})

/** `bytes` in front of the Scan's body; every length around grows by theirs. */
function insertInside(model: Uint8Array, bytes: readonly number[]): Uint8Array {
  const made = [...model]
  const name = Buffer.from(model).indexOf('body')
  made.splice(name + 4, 0, ...bytes)
  // Attribute, node and graph: each its tag, its length and what it holds; all are below 128 bytes but the graph.
  const attribute = name - 4
  const graphAt = 2 + 2 + 'wardround'.length
  const nodeAt = graphAt + 3
  for (const at of [attribute + 1, nodeAt + 1]) made[at] = (made[at] ?? 0) + bytes.length
  const size = (((made[graphAt + 2] ?? 0) << 7) | ((made[graphAt + 1] ?? 0) & 0x7f)) + bytes.length
  made[graphAt + 1] = (size & 0x7f) | 0x80
  made[graphAt + 2] = size >> 7
  return Uint8Array.from(made)
}

test('outputs are copies: a second run does not change them', async () => {
  const b = graphBuilder()
  const negated = b.node('Neg', [b.input(column('x'))], { name: 'y' })
  const session = await openSession(b.build('g', [negated]))
  const first = floatsOf(await session.run({ x: floats(Float32Array.of(1, 2), [2, 1]) }), 'y')
  await session.run({ x: floats(Float32Array.of(5, 6), [2, 1]) })
  assert.deepEqual(first, Float32Array.of(-1, -2))
  assert.throws(() => floatsOf({}, 'y'), TypeError)
})
