/**
 * ModelProto bytes → IR. Field numbers are those of onnx/onnx.proto (ONNX 1.17). Reading is defensive: sizes are checked
 * before anything is allocated, unknown fields are skipped, external data and unknown types are refused.
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { WardroundError } from '../errors.ts'
import { sizeOf } from '../weights.ts'
import {
  type Attribute,
  type Dim,
  type ElementType,
  elementTypes,
  type Graph,
  type Node,
  type Tensor,
  type ValueInfo,
} from './ir.ts'
import { attributeTypes, dataTypes } from './onnx-types.ts'

export type Model = {
  readonly graph: Graph
  /** Key → value, for people and tools. */
  readonly metadata: Readonly<Record<string, string>>
  /** ONNX's own operator set. */
  readonly opset: number
}

/** Graphs inside graphs; a Scan has one. */
const deepest = 8

const strict = new TextDecoder('utf-8', { fatal: true })

const invalid = (problem: string): WardroundError => new WardroundError('WR_GRAPH_INVALID', { problem })

/**
 * Errors: WR_GRAPH_INVALID for anything that is not a whole model of known types; WR_GRAPH_REFUSED for external data, sparse tensors and
 * functions, with which an operator would mean something else.
 */
export const decodeModel = (bytes: Uint8Array): Model => readWhole(() => readModel(bytes))

/** Reads a model file, or part of it. Errors: WR_GRAPH_INVALID where it is cut short; those of `read`. */
export function readWhole<T>(read: () => T): T {
  try {
    return read()
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
  const [floats, integers, strings]: [number[], number[], string[]] = [[], [], []]
  fields(bytes, (field, reader, wire) => {
    if (field === 1) name = reader.string()
    else if (field === 2) found.float = { kind: 'float', value: reader.float() }
    else if (field === 3) found.int = { kind: 'int', value: bounded(reader.int64()) }
    else if (field === 4) found.string = { kind: 'string', value: strict.decode(reader.bytes()) }
    else if (field === 5) found.tensor = { kind: 'tensor', value: readTensor(reader.bytes()) }
    else if (field === 6) found.graph = { kind: 'graph', value: readGraph(reader.bytes(), depth + 1) }
    else if (field === 7) readPacked(reader, wire, (inner) => floats.push(inner.float()))
    else if (field === 8) readPacked(reader, wire, (inner) => integers.push(bounded(inner.int64())))
    else if (field === 9) strings.push(strict.decode(reader.bytes()))
    else if (field === 20) type = safe(reader.int64())
    else return false
    return true
  })
  const kind = (Object.keys(attributeTypes) as Attribute['kind'][]).find(
    (candidate) => attributeTypes[candidate] === type,
  )
  if (kind === 'floats') return [name, { kind, value: floats }]
  if (kind === 'strings') return [name, { kind, value: strings }]
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

/** Of attributes: exporters write the largest integer of all for 'to the end', and the smallest for 'to the start'. The largest safe ones say the same. */
function bounded(value: bigint | number | string): number {
  const exact = BigInt(value)
  if (exact === largestInteger) return Number.MAX_SAFE_INTEGER
  return exact === -largestInteger - 1n ? -Number.MAX_SAFE_INTEGER : safe(exact)
}
const largestInteger = 2n ** 63n - 1n

function safe(value: bigint | number | string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw invalid('a number in it is too large')
  return number
}
