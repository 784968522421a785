import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import { type ErrorCode, WardroundError } from '../errors.ts'
import { sizeOf } from '../weights.ts'
import { decodeModel, type Model } from './decode-model.ts'
import { encodeModel } from './encode-model.ts'
// Models written by the Python package; fixtures/make_onnx.py says how.
import fixture from './fixtures/onnx.json' with { type: 'json' }
import { type Attribute, elementTypes, type Graph, int, type Node, type Tensor, type ValueInfo } from './ir.ts'
import { checkGraph } from './safelist.ts'

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.fromBase64(base64)
const coded = (code: ErrorCode) => (error: unknown) => error instanceof WardroundError && error.code === code

// ---- Python's models ----

/** A model in the words of make_onnx.py. */
const described = ({ graph, metadata, opset }: Model): unknown => ({ graph: describedGraph(graph), metadata, opset })
const describedGraph = (graph: Graph): unknown => ({
  ...graph,
  initializers: graph.initializers.map(describedTensor),
  nodes: graph.nodes.map((node) => ({
    ...node,
    attributes: Object.fromEntries(
      Object.entries(node.attributes).map(([name, attribute]) => [name, describedAttribute(attribute)]),
    ),
  })),
})
const describedTensor = ({ name, type, shape, data }: Tensor): unknown => ({
  name,
  type,
  shape,
  data: Array.from<unknown, unknown>(data, (value) => (typeof value === 'bigint' ? String(value) : value)),
})
const describedAttribute = ({ kind, value }: Attribute): unknown =>
  kind === 'graph'
    ? { kind, value: describedGraph(value) }
    : kind === 'tensor'
      ? { kind, value: describedTensor(value) }
      : { kind, value }

test('a model that ONNX’s own checker passed is read as Python reads it, and written to the very same bytes', () => {
  const bytes = bytesOf(fixture.ours.bytes)
  const model = decodeModel(bytes)
  assert.deepEqual(described(model), fixture.ours.model)
  assert.deepEqual(encodeModel(model.graph, model.metadata), bytes)
})

test('a model by other habits is read as Python reads it: typed fields, names, notes, other domains', () => {
  const model = decodeModel(bytesOf(fixture.theirs.bytes))
  // Extents without a name get one each: two of them need not be the same.
  const unknown = ({ graph, ...rest }: typeof fixture.theirs.model) => {
    const named = (values: typeof graph.inputs | typeof graph.outputs) =>
      values.map((value) => ({
        ...value,
        shape: value.shape.map((extent, axis) => extent ?? `${value.name}/${axis}`),
      }))
    return { ...rest, graph: { ...graph, inputs: named(graph.inputs), outputs: named(graph.outputs) } }
  }
  assert.deepEqual(described(model), unknown(fixture.theirs.model))
  // Written by us it still says the same, of the same operator set.
  assert.deepEqual(decodeModel(encodeModel(model.graph, model.metadata, model.opset)), model)
})

test('the model that the refused ones were made from is sound', () => {
  assert.equal(decodeModel(bytesOf(fixture.sound)).graph.nodes[0]?.op, 'Neg')
})

for (const { what, bytes, code } of fixture.refused) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => decodeModel(bytesOf(bytes)),
      (error) => error instanceof WardroundError && error.code === code,
    )
  })
}

// ---- round trips ----

const name = fc.string({ unit: 'grapheme', maxLength: 8 })
const extents = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 })
const integer = fc.maxSafeInteger()

const tensor: fc.Arbitrary<Tensor> = fc
  .tuple(fc.constantFrom(...elementTypes), name, extents)
  .chain(([type, called, shape]) => {
    const many = <T>(element: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
      fc.array(element, { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
    const common = { name: called, shape }
    switch (type) {
      case 'float32':
        return many(fc.float()).map((values): Tensor => ({ ...common, type, data: Float32Array.from(values) }))
      case 'int32':
        return many(fc.integer()).map((values): Tensor => ({ ...common, type, data: Int32Array.from(values) }))
      case 'int64':
        return many(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })).map(
          (values): Tensor => ({ ...common, type, data: BigInt64Array.from(values) }),
        )
      case 'uint8':
      case 'bool':
        return many(fc.integer({ min: 0, max: type === 'bool' ? 1 : 255 })).map(
          (values): Tensor => ({ ...common, type, data: Uint8Array.from(values) }),
        )
      case 'string':
        return many(fc.string({ unit: 'grapheme' })).map((data): Tensor => ({ ...common, type, data }))
    }
  })

const valueInfo: fc.Arbitrary<ValueInfo> = fc.record(
  {
    name,
    type: fc.constantFrom(...elementTypes),
    shape: fc.array(fc.oneof(fc.nat(), fc.string({ minLength: 1, maxLength: 5 })), { maxLength: 3 }),
  },
  { noNullPrototype: true },
)

const attribute = (depth: number): fc.Arbitrary<Attribute> =>
  fc.oneof(
    integer.map((value): Attribute => ({ kind: 'int', value })),
    fc.float().map((value): Attribute => ({ kind: 'float', value })),
    fc.string({ unit: 'grapheme' }).map((value): Attribute => ({ kind: 'string', value })),
    fc.array(integer, { maxLength: 3 }).map((value): Attribute => ({ kind: 'ints', value })),
    fc.array(fc.float(), { maxLength: 3 }).map((value): Attribute => ({ kind: 'floats', value })),
    fc.array(fc.string(), { maxLength: 3 }).map((value): Attribute => ({ kind: 'strings', value })),
    tensor.map((value): Attribute => ({ kind: 'tensor', value })),
    ...(depth === 0 ? [] : [graphs(depth - 1).map((value): Attribute => ({ kind: 'graph', value }))]),
  )

const node = (depth: number): fc.Arbitrary<Node> =>
  fc.record(
    {
      op: name,
      domain: fc.constantFrom('', 'com.example'),
      inputs: fc.array(name, { maxLength: 3 }),
      outputs: fc.array(name, { maxLength: 2 }),
      attributes: fc.dictionary(name, attribute(depth), { maxKeys: 3, noNullPrototype: true }),
    },
    { noNullPrototype: true },
  )

function graphs(depth: number): fc.Arbitrary<Graph> {
  return fc.record(
    {
      name,
      inputs: fc.array(valueInfo, { maxLength: 2 }),
      outputs: fc.array(valueInfo, { maxLength: 2 }),
      initializers: fc.array(tensor, { maxLength: 2 }),
      nodes: fc.array(node(depth), { maxLength: 3 }),
    },
    { noNullPrototype: true },
  )
}

test('any graph comes back as it was, and has one form as bytes', () => {
  const metadata = fc.dictionary(name, fc.string({ unit: 'grapheme' }), { maxKeys: 3, noNullPrototype: true })
  fc.assert(
    fc.property(graphs(2), metadata, fc.integer({ min: 1, max: 30 }), (graph, data, opset) => {
      const bytes = encodeModel(graph, data, opset)
      const model = decodeModel(bytes)
      assert.deepEqual(model, { graph, metadata: data, opset })
      assert.deepEqual(encodeModel(model.graph, model.metadata, model.opset), bytes)
      // The order in which metadata was put together is no part of the model.
      const turned = Object.fromEntries(Object.entries(data).toReversed())
      assert.deepEqual(encodeModel(graph, turned, opset), bytes)
    }),
    { numRuns: 300 },
  )
})

test('an extent with a name keeps it, also where the name looks like a number', () => {
  const input: ValueInfo = { name: 'x', type: 'float32', shape: ['-1', 'batch', 3] }
  const graph: Graph = { name: 'g', inputs: [input], outputs: [], initializers: [], nodes: [] }
  assert.deepEqual(decodeModel(encodeModel(graph)).graph.inputs, [input])
})

test('keys that JavaScript objects treat specially come back', () => {
  const metadata = Object.fromEntries([
    ['__proto__', 'a'],
    ['constructor', 'b'],
    ['7', 'c'],
  ])
  const attributes = Object.fromEntries([
    ['__proto__', int(1)],
    ['toString', int(2)],
  ])
  const graph: Graph = {
    name: '',
    inputs: [],
    outputs: [],
    initializers: [],
    nodes: [{ op: 'Neg', domain: '', inputs: [], outputs: [], attributes }],
  }
  const model = decodeModel(encodeModel(graph, metadata))
  assert.deepEqual(Object.entries(model.metadata).toSorted(), Object.entries(metadata).toSorted())
  assert.deepEqual(Object.entries(model.graph.nodes[0]?.attributes ?? {}), Object.entries(attributes))
})

test('a decoded tensor is a copy: changing the file afterwards does not change the model', () => {
  const bytes = bytesOf(fixture.ours.bytes)
  const before = decodeModel(bytes)
  const kept = structuredClone(before)
  bytes.fill(0xff)
  assert.deepEqual(before, kept)
})

// ---- by hand ----

type Fill = (writer: BinaryWriter) => BinaryWriter
const inside =
  (field: number, fill: Fill): Fill =>
  (writer) =>
    fill(writer.tag(field, WireType.LengthDelimited).fork()).join()
const model = (fill: Fill): Uint8Array => inside(7, fill)(new BinaryWriter()).finish()
const string =
  (field: number, value: string): Fill =>
  (writer) =>
    writer.tag(field, WireType.LengthDelimited).string(value)
const number =
  (field: number, value: number): Fill =>
  (writer) =>
    writer.tag(field, WireType.Varint).int64(value)
const all =
  (...fills: readonly Fill[]): Fill =>
  (writer) =>
    fills.reduce((made, fill) => fill(made), writer)
const attributeBytes = (...fills: readonly Fill[]): Uint8Array =>
  model(inside(1, all(string(4, 'Op'), inside(5, all(string(1, 'a'), ...fills)))))
const readAttribute = (bytes: Uint8Array): Attribute | undefined => decodeModel(bytes).graph.nodes[0]?.attributes.a

test('repeated numbers are read one by one and packed, and a zero that was left out as zero', () => {
  const packed = (field: number, fill: Fill): Fill => inside(field, fill)
  const two: Fill = (writer) => writer.int64(300).int64(-1)
  assert.deepEqual(readAttribute(attributeBytes(packed(8, two), number(20, 7))), { kind: 'ints', value: [300, -1] })
  assert.deepEqual(readAttribute(attributeBytes(number(8, 300), number(8, -1), number(20, 7))), {
    kind: 'ints',
    value: [300, -1],
  })
  assert.deepEqual(
    readAttribute(
      attributeBytes(
        packed(7, (writer) => writer.float(0.5).float(-2)),
        number(20, 6),
      ),
    ),
    { kind: 'floats', value: [0.5, -2] },
  )
  assert.deepEqual(readAttribute(attributeBytes(number(20, 2))), { kind: 'int', value: 0 })
  assert.deepEqual(readAttribute(attributeBytes(number(20, 1))), { kind: 'float', value: 0 })
  assert.deepEqual(readAttribute(attributeBytes(number(20, 3))), { kind: 'string', value: '' })
})

test('the type of an attribute decides which of its values counts', () => {
  const both = [number(3, 5), string(4, 'text')] as const
  assert.deepEqual(readAttribute(attributeBytes(...both, number(20, 2))), { kind: 'int', value: 5 })
  assert.deepEqual(readAttribute(attributeBytes(...both, number(20, 3))), { kind: 'string', value: 'text' })
  // A tensor or graph that is not there is not made up.
  for (const type of [0, 4, 5, 9, 99]) assert.throws(() => readAttribute(attributeBytes(...both, number(20, type))))
})

test('numbers beyond what JavaScript counts exactly are refused, not rounded', () => {
  const large: Fill = (writer) => writer.tag(3, WireType.Varint).int64(2n ** 53n)
  assert.throws(() => decodeModel(attributeBytes(large, number(20, 2))), coded('WR_GRAPH_INVALID'))
})

test('the largest integer of all says to the end, and so does ours', () => {
  const bound =
    (value: bigint): Fill =>
    (writer) =>
      writer.tag(3, WireType.Varint).int64(value)
  const read = (value: bigint) => readAttribute(attributeBytes(bound(value), number(20, 2)))
  assert.deepEqual(read(2n ** 63n - 1n), { kind: 'int', value: Number.MAX_SAFE_INTEGER })
  assert.deepEqual(read(-(2n ** 63n)), { kind: 'int', value: -Number.MAX_SAFE_INTEGER })
})

test('an extent of −1 is one that is not known', () => {
  const dims = inside(2, all(inside(1, number(1, -1)), inside(1, number(1, 3))))
  const input = inside(11, all(string(1, 'x'), inside(2, inside(1, all(number(1, 1), dims)))))
  assert.deepEqual(decodeModel(model(input)).graph.inputs, [{ name: 'x', type: 'float32', shape: ['x/0', 3] }])
})

test('a graph in two parts is refused: another reader would join them, and run what ours does not see', () => {
  const hidden = inside(7, inside(1, all(string(1, 'x'), string(2, 'h'), string(4, 'Sin'))))
  const shown = inside(7, inside(1, all(string(1, 'x'), string(2, 'y'), string(4, 'Neg'))))
  assert.throws(() => decodeModel(all(hidden, shown)(new BinaryWriter()).finish()), coded('WR_GRAPH_INVALID'))
})

test('graphs nested too deep are refused', () => {
  const empty: Graph = { name: '', inputs: [], outputs: [], initializers: [], nodes: [] }
  const nested = (depth: number): Graph =>
    depth === 0
      ? empty
      : {
          ...empty,
          nodes: [
            {
              op: 'If',
              domain: '',
              inputs: [],
              outputs: [],
              attributes: { body: { kind: 'graph', value: nested(depth - 1) } },
            },
          ],
        }
  assert.deepEqual(decodeModel(encodeModel(nested(8))).graph, nested(8))
  for (const depth of [9, 200]) assert.throws(() => decodeModel(encodeModel(nested(depth))), coded('WR_GRAPH_INVALID'))
})

// ---- damage ----

/** What a site does with a file from outside. Anything but a coded error is a fault. */
function outcome(bytes: Uint8Array): 'accepted' | 'refused' {
  try {
    const { graph, metadata, opset } = decodeModel(bytes)
    checkGraph(graph)
    assert.deepEqual(decodeModel(encodeModel(graph, metadata, opset)), { graph, metadata, opset })
    return 'accepted'
  } catch (error) {
    assert.ok(error instanceof WardroundError && error.code.startsWith('WR_GRAPH_'), String(error))
    return 'refused'
  }
}

test('every beginning of a model is refused or understood, never another error', () => {
  for (const { bytes } of [fixture.ours, fixture.theirs]) {
    const whole = bytesOf(bytes)
    for (let length = 0; length < whole.length; length++) outcome(whole.subarray(0, length))
    assert.throws(() => decodeModel(whole.subarray(0, 40)), coded('WR_GRAPH_INVALID'))
  }
  assert.throws(() => decodeModel(new Uint8Array()), coded('WR_GRAPH_INVALID'))
})

test('damaged models only ever give coded errors', () => {
  const allowed = encodeModel({
    name: 'sum',
    inputs: [{ name: 'x', type: 'float32', shape: ['rows', 2] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['rows', 2] }],
    initializers: [{ name: 'one', type: 'float32', shape: [], data: Float32Array.of(1) }],
    nodes: [{ op: 'Add', domain: '', inputs: ['x', 'one'], outputs: ['y'], attributes: {} }],
  })
  const files = [allowed, bytesOf(fixture.ours.bytes), bytesOf(fixture.theirs.bytes)]
  const change = fc.record({
    kind: fc.constantFrom('set', 'cut', 'insert', 'double'),
    at: fc.nat(),
    byte: fc.integer({ min: 0, max: 255 }),
  })
  let accepted = 0
  fc.assert(
    fc.property(fc.constantFrom(...files), fc.array(change, { minLength: 1, maxLength: 4 }), (file, changes) => {
      let bytes = Uint8Array.from(file)
      for (const { kind, at, byte } of changes) {
        const index = at % Math.max(1, bytes.length)
        if (kind === 'set') bytes[index] = byte
        else if (kind === 'cut') bytes = bytes.slice(0, index)
        else if (kind === 'insert') bytes = Uint8Array.of(...bytes.subarray(0, index), byte, ...bytes.subarray(index))
        else bytes = Uint8Array.of(...bytes, ...bytes.subarray(index))
      }
      if (outcome(bytes) === 'accepted') accepted += 1
    }),
    { numRuns: 3000 },
  )
  // Some changes fall into a name or a value: the loop did reach the end.
  assert.ok(accepted > 0)
})

test('random bytes only ever give coded errors', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      // As a whole, and as the inside of a graph.
      for (const file of [bytes, inside(7, (writer) => writer.raw(bytes))(new BinaryWriter()).finish()]) outcome(file)
    }),
    { numRuns: 2000 },
  )
})

test('a megabyte of what could be read for ever is refused at once', () => {
  const million = 2 ** 20
  const fields = [
    // Groups within groups; empty entries; a length beyond the end; a number that never ends; an end without a beginning.
    new Uint8Array(million).fill(0x0b),
    Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f),
    new Uint8Array(million).fill(0xff),
    new Uint8Array(million).fill(0x0c),
    new Uint8Array(million),
  ]
  for (const bytes of fields) {
    assert.equal(outcome(bytes), 'refused')
    assert.equal(outcome(inside(7, (writer) => writer.raw(bytes))(new BinaryWriter()).finish()), 'refused')
  }
})

test('a tensor that claims to be large is refused before anything is made of it', () => {
  for (const dims of [[2 ** 40], [2 ** 26, 2 ** 26], [2 ** 31, 2 ** 31, 2 ** 31, 2 ** 31]]) {
    const claims = all(...dims.map((extent) => number(1, extent)), number(2, 1), (writer) =>
      writer.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(4)),
    )
    assert.throws(() => decodeModel(model(inside(5, claims))), coded('WR_GRAPH_INVALID'))
  }
})
