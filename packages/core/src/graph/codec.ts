/**
 * ModelProto bytes ⇄ IR. Field numbers are those of onnx/onnx.proto (ONNX 1.17). Reading is defensive: sizes are checked
 * before anything is allocated, unknown fields are skipped, external data and unknown types are refused.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { WardroundError } from '../errors.ts'
import { sizeOf } from '../weights.ts'
import {
  type Attribute,
  type Dim,
  type ElementType,
  elementTypes,
  type Graph,
  irVersion,
  type Node,
  opsetVersion,
  type Tensor,
  type ValueInfo,
} from './ir.ts'

export type Model = {
  readonly graph: Graph
  /** Key → value, for people and tools. */
  readonly metadata: Readonly<Record<string, string>>
  /** ONNX's own operator set. */
  readonly opset: number
}

/** TensorProto.DataType. */
const dataTypes: Record<ElementType, number> = { float32: 1, uint8: 2, int32: 6, int64: 7, string: 8, bool: 9 }
/** AttributeProto.AttributeType. */
const attributeTypes: Record<Attribute['kind'], number> = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
}
/** Graphs inside graphs; a Scan has one. */
const deepest = 8

const utf8 = new TextEncoder()
const strict = new TextDecoder('utf-8', { fatal: true })

// ---- writing ----

type Fill = (writer: BinaryWriter) => void

const message = (writer: BinaryWriter, field: number, fill: Fill): void => {
  writer.tag(field, WireType.LengthDelimited).fork()
  fill(writer)
  writer.join()
}
const string = (writer: BinaryWriter, field: number, value: string): BinaryWriter =>
  writer.tag(field, WireType.LengthDelimited).string(value)
const varint = (writer: BinaryWriter, field: number, value: number | bigint): BinaryWriter =>
  writer.tag(field, WireType.Varint).int64(value)

/** The bytes of a model file; the same graph always gives the same bytes. `opset` is the one that its nodes are of. */
export function encodeModel(
  graph: Graph,
  metadata: Readonly<Record<string, string>> = {},
  opset = opsetVersion,
): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter()
  varint(writer, 1, irVersion)
  string(writer, 2, 'wardround')
  message(writer, 7, (inner) => writeGraph(inner, graph))
  message(writer, 8, (inner) => varint(inner, 2, opset))
  for (const [key, value] of Object.entries(metadata).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    message(writer, 14, (inner) => string(string(inner, 1, key), 2, value))
  }
  return Uint8Array.from(writer.finish())
}

function writeGraph(writer: BinaryWriter, graph: Graph): void {
  for (const node of graph.nodes) message(writer, 1, (inner) => writeNode(inner, node))
  string(writer, 2, graph.name)
  for (const tensor of graph.initializers) message(writer, 5, (inner) => writeTensor(inner, tensor))
  for (const value of graph.inputs) message(writer, 11, (inner) => writeValue(inner, value))
  for (const value of graph.outputs) message(writer, 12, (inner) => writeValue(inner, value))
}

function writeNode(writer: BinaryWriter, node: Node): void {
  for (const name of node.inputs) string(writer, 1, name)
  for (const name of node.outputs) string(writer, 2, name)
  string(writer, 4, node.op)
  for (const [name, attribute] of Object.entries(node.attributes))
    message(writer, 5, (inner) => writeAttribute(inner, name, attribute))
  if (node.domain !== '') string(writer, 7, node.domain)
}

function writeAttribute(writer: BinaryWriter, name: string, attribute: Attribute): void {
  string(writer, 1, name)
  switch (attribute.kind) {
    case 'float':
      writer.tag(2, WireType.Bit32).float(attribute.value)
      break
    case 'int':
      varint(writer, 3, attribute.value)
      break
    case 'string':
      writer.tag(4, WireType.LengthDelimited).bytes(utf8.encode(attribute.value))
      break
    case 'tensor':
      message(writer, 5, (inner) => writeTensor(inner, attribute.value))
      break
    case 'graph':
      message(writer, 6, (inner) => writeGraph(inner, attribute.value))
      break
    case 'floats':
      for (const value of attribute.value) writer.tag(7, WireType.Bit32).float(value)
      break
    case 'ints':
      for (const value of attribute.value) varint(writer, 8, value)
      break
  }
  varint(writer, 20, attributeTypes[attribute.kind])
}

function writeTensor(writer: BinaryWriter, tensor: Tensor): void {
  for (const extent of tensor.shape) varint(writer, 1, extent)
  varint(writer, 2, dataTypes[tensor.type])
  if (tensor.type === 'string') {
    for (const value of tensor.data) writer.tag(6, WireType.LengthDelimited).bytes(utf8.encode(value))
  }
  string(writer, 8, tensor.name)
  if (tensor.type !== 'string') {
    const { buffer, byteOffset, byteLength } = tensor.data
    writer.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(buffer, byteOffset, byteLength))
  }
}

function writeValue(writer: BinaryWriter, value: ValueInfo): void {
  string(writer, 1, value.name)
  message(writer, 2, (type) =>
    message(type, 1, (tensor) => {
      varint(tensor, 1, dataTypes[value.type])
      message(tensor, 2, (shape) => {
        for (const extent of value.shape) {
          message(shape, 1, (dim) => (typeof extent === 'number' ? varint(dim, 1, extent) : string(dim, 2, extent)))
        }
      })
    }),
  )
}

// ---- reading ----

const invalid = (problem: string): WardroundError => new WardroundError('WR_GRAPH_INVALID', { problem })

/**
 * Errors: WR_GRAPH_INVALID for anything that is not a whole model of known types; WR_GRAPH_REFUSED for external data, sparse tensors and
 * functions, with which an operator would mean something else.
 */
export function decodeModel(bytes: Uint8Array): Model {
  try {
    return readModel(bytes)
  } catch (error) {
    if (error instanceof WardroundError) throw error
    throw new WardroundError(
      'WR_GRAPH_INVALID',
      { problem: 'it is cut short or is no protobuf message' },
      { cause: error },
    )
  }
}

/** Calls `read` for each field; what it does not take is skipped. */
function fields(bytes: Uint8Array, read: (field: number, reader: BinaryReader, wire: WireType) => boolean): void {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag()
    if (!read(field, reader, wire)) reader.skip(wire, field)
  }
}

function readModel(bytes: Uint8Array): Model {
  let graph: Graph | undefined
  let opset = 0
  const metadata: [string, string][] = []
  fields(bytes, (field, reader, wire) => {
    if (wire !== WireType.LengthDelimited) return false
    if (field === 7) {
      // Others would join the parts into one.
      if (graph !== undefined) throw invalid('its graph is in two parts')
      graph = readGraph(reader.bytes(), 0)
    } else if (field === 8) opset = readOpset(reader.bytes()) ?? opset
    else if (field === 14) metadata.push(readEntry(reader.bytes()))
    else if (field === 25) throw new WardroundError('WR_GRAPH_REFUSED', { problem: 'it defines functions of its own' })
    else return false
    return true
  })
  if (graph === undefined) throw invalid('there is no graph in it')
  return { graph, metadata: Object.fromEntries(metadata), opset }
}

/** The version of ONNX's own set; other domains are judged by the safelist, by their nodes. */
function readOpset(bytes: Uint8Array): number | undefined {
  let domain = ''
  let version = 0
  fields(bytes, (field, reader, wire) => {
    if (field === 1 && wire === WireType.LengthDelimited) domain = reader.string()
    else if (field === 2 && wire === WireType.Varint) version = safe(reader.int64())
    else return false
    return true
  })
  return domain === '' || domain === 'ai.onnx' ? version : undefined
}

function readEntry(bytes: Uint8Array): [string, string] {
  let [key, value] = ['', '']
  fields(bytes, (field, reader, wire) => {
    if (wire !== WireType.LengthDelimited || (field !== 1 && field !== 2)) return false
    if (field === 1) key = reader.string()
    else value = reader.string()
    return true
  })
  return [key, value]
}

function readGraph(bytes: Uint8Array, depth: number): Graph {
  if (depth > deepest) throw invalid(`graphs are nested deeper than ${deepest}`)
  const [nodes, initializers, inputs, outputs]: [Node[], Tensor[], ValueInfo[], ValueInfo[]] = [[], [], [], []]
  let name = ''
  fields(bytes, (field, reader, wire) => {
    if (wire !== WireType.LengthDelimited) return false
    if (field === 1) nodes.push(readNode(reader.bytes(), depth))
    else if (field === 2) name = reader.string()
    else if (field === 5) initializers.push(readTensor(reader.bytes()))
    else if (field === 11) inputs.push(readValue(reader.bytes()))
    else if (field === 12) outputs.push(readValue(reader.bytes()))
    else if (field === 15) throw new WardroundError('WR_GRAPH_REFUSED', { problem: 'sparse tensors are not supported' })
    else return false
    return true
  })
  return { name, inputs, outputs, initializers, nodes }
}

function readNode(bytes: Uint8Array, depth: number): Node {
  const [inputs, outputs]: [string[], string[]] = [[], []]
  const attributes: [string, Attribute][] = []
  let [op, domain] = ['', '']
  fields(bytes, (field, reader, wire) => {
    if (wire !== WireType.LengthDelimited) return false
    if (field === 1) inputs.push(reader.string())
    else if (field === 2) outputs.push(reader.string())
    else if (field === 4) op = reader.string()
    else if (field === 5) attributes.push(readAttribute(reader.bytes(), depth))
    else if (field === 7) domain = reader.string()
    else return false
    return true
  })
  return { op, domain: domain === 'ai.onnx' ? '' : domain, inputs, outputs, attributes: Object.fromEntries(attributes) }
}

function readAttribute(bytes: Uint8Array, depth: number): [string, Attribute] {
  let name = ''
  let type = 0
  const found: { [K in Attribute['kind']]?: Attribute } = {}
  const [floats, integers]: [number[], number[]] = [[], []]
  fields(bytes, (field, reader, wire) => {
    if (field === 1) name = reader.string()
    else if (field === 2) found.float = { kind: 'float', value: reader.float() }
    else if (field === 3) found.int = { kind: 'int', value: safe(reader.int64()) }
    else if (field === 4) found.string = { kind: 'string', value: strict.decode(reader.bytes()) }
    else if (field === 5) found.tensor = { kind: 'tensor', value: readTensor(reader.bytes()) }
    else if (field === 6) found.graph = { kind: 'graph', value: readGraph(reader.bytes(), depth + 1) }
    else if (field === 7) readPacked(reader, wire, (inner) => floats.push(inner.float()))
    else if (field === 8) readPacked(reader, wire, (inner) => integers.push(safe(inner.int64())))
    else if (field === 20) type = safe(reader.int64())
    else return false
    return true
  })
  const kind = (Object.keys(attributeTypes) as Attribute['kind'][]).find(
    (candidate) => attributeTypes[candidate] === type,
  )
  if (kind === 'floats') return [name, { kind, value: floats }]
  if (kind === 'ints') return [name, { kind, value: integers }]
  const attribute = kind === undefined ? undefined : (found[kind] ?? defaults[kind])
  if (attribute === undefined) throw invalid(`the attribute ${name} is of a type that is not supported`)
  return [name, attribute]
}

/** proto3 writers leave out zeros. */
const defaults: { [K in Attribute['kind']]?: Attribute } = {
  int: { kind: 'int', value: 0 },
  float: { kind: 'float', value: 0 },
  string: { kind: 'string', value: '' },
}

/** Repeated numbers come one by one, or packed into one field. */
function readPacked(reader: BinaryReader, wire: WireType, read: (reader: BinaryReader) => unknown): void {
  if (wire !== WireType.LengthDelimited) {
    read(reader)
    return
  }
  const inner = new BinaryReader(reader.bytes())
  while (inner.pos < inner.len) read(inner)
}

function readTensor(bytes: Uint8Array): Tensor {
  const shape: number[] = []
  let [name, code] = ['', 0]
  let raw: Uint8Array | undefined
  let elsewhere = false
  const typed: { floats: number[]; integers: bigint[]; strings: string[] } = { floats: [], integers: [], strings: [] }
  fields(bytes, (field, reader, wire) => {
    if (field === 1) readPacked(reader, wire, (inner) => shape.push(safe(inner.int64())))
    else if (field === 2) code = safe(reader.int64())
    else if (field === 4) readPacked(reader, wire, (inner) => typed.floats.push(inner.float()))
    else if (field === 5 || field === 7) readPacked(reader, wire, (inner) => typed.integers.push(BigInt(inner.int64())))
    else if (field === 6) typed.strings.push(strict.decode(reader.bytes()))
    else if (field === 8) name = reader.string()
    else if (field === 9) raw = reader.bytes()
    else if (field === 13) {
      elsewhere = true
      return false
    }
    // Whoever has pulled the values in from another file leaves a 0 here.
    else if (field === 14) elsewhere = safe(reader.int64()) !== 0 || elsewhere
    else return false
    return true
  })
  if (elsewhere)
    throw new WardroundError('WR_GRAPH_REFUSED', { problem: `the tensor ${name} keeps its values in another file` })
  const type = elementTypes.find((candidate) => dataTypes[candidate] === code)
  if (type === undefined) throw invalid(`the tensor ${name} is of a type that is not supported`)
  if (shape.some((extent) => extent < 0)) throw invalid(`the tensor ${name} has a negative extent`)
  return tensorOf({ name, shape, type }, { raw, ...typed })
}

type Payload = {
  raw: Uint8Array | undefined
  floats: readonly number[]
  integers: readonly bigint[]
  strings: readonly string[]
}

function tensorOf(
  { name, shape, type }: { name: string; shape: readonly number[]; type: ElementType },
  payload: Payload,
): Tensor {
  const size = sizeOf(shape)
  const own = payload.raw === undefined ? undefined : Uint8Array.from(payload.raw)
  const fit = <T extends { length: number }>(data: T): T => {
    if (data.length !== size)
      throw invalid(`the tensor ${name} holds ${data.length} values, its shape asks for ${size}`)
    return data
  }
  const whole = (bytesEach: number): ArrayBuffer | undefined => {
    if (own !== undefined && own.length % bytesEach !== 0) throw invalid(`the tensor ${name} is cut short`)
    return own?.buffer
  }
  const bytesOf = (): Uint8Array => fit(own ?? Uint8Array.from(payload.integers, Number))
  switch (type) {
    case 'float32': {
      const raw = whole(4)
      return {
        name,
        shape,
        type,
        data: fit(raw === undefined ? Float32Array.from(payload.floats) : new Float32Array(raw)),
      }
    }
    case 'int32': {
      const raw = whole(4)
      return {
        name,
        shape,
        type,
        data: fit(raw === undefined ? Int32Array.from(payload.integers, Number) : new Int32Array(raw)),
      }
    }
    case 'int64': {
      const raw = whole(8)
      return {
        name,
        shape,
        type,
        data: fit(raw === undefined ? BigInt64Array.from(payload.integers) : new BigInt64Array(raw)),
      }
    }
    case 'uint8':
    case 'bool':
      return { name, shape, type, data: bytesOf() }
    case 'string':
      return { name, shape, type, data: fit(payload.strings) }
  }
}

function readValue(bytes: Uint8Array): ValueInfo {
  let [name, code] = ['', 0]
  let dims: Dim[] | undefined
  fields(bytes, (field, reader, wire) => {
    if (wire !== WireType.LengthDelimited) return false
    if (field === 1) name = reader.string()
    else if (field === 2)
      nested(reader.bytes(), 1, (tensor) => {
        fields(tensor, (part, inner, innerWire) => {
          if (part === 1 && innerWire === WireType.Varint) code = safe(inner.int64())
          else if (part === 2 && innerWire === WireType.LengthDelimited) dims = readDims(inner.bytes())
          else return false
          return true
        })
      })
    else return false
    return true
  })
  const type = elementTypes.find((candidate) => dataTypes[candidate] === code)
  if (type === undefined) throw invalid(`the value ${name} is of a type that is not supported`)
  if (dims === undefined) throw invalid(`the value ${name} has no shape`)
  // Two unknown extents need not be the same one.
  return { name, type, shape: dims.map((extent, axis) => (extent === '' ? `${name}/${axis}` : extent)) }
}

function nested(bytes: Uint8Array, wanted: number, read: (inner: Uint8Array) => unknown): void {
  fields(bytes, (field, reader, wire) => {
    if (field !== wanted || wire !== WireType.LengthDelimited) return false
    read(reader.bytes())
    return true
  })
}

function readDims(bytes: Uint8Array): Dim[] {
  const dims: Dim[] = []
  nested(bytes, 1, (dim) => dims.push(readDim(dim)))
  return dims
}

/** '' where the extent is not known; some writers say −1. */
function readDim(bytes: Uint8Array): Dim {
  let extent = '' as Dim
  fields(bytes, (field, reader) => {
    if (field === 1) extent = safe(reader.int64())
    else if (field === 2) extent = reader.string()
    else return false
    return true
  })
  return typeof extent === 'number' && extent < 0 ? '' : extent
}

function safe(value: bigint | number | string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw invalid('a number in it is too large')
  return number
}
