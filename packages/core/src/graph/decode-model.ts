/**
 * ModelProto bytes → IR. Field numbers are those of onnx/onnx.proto (ONNX 1.17). Reading is defensive: sizes are checked
 * before anything is allocated, unknown fields are skipped, external data and unknown types are refused.
 */
import { WireType } from '@bufbuild/protobuf/wire'
import { WardroundError } from '../errors.ts'
import { readTensor } from './decode-tensor.ts'
import { type Attribute, type Dim, elementTypes, type Graph, type Node, type Tensor, type ValueInfo } from './ir.ts'
import { attributeTypes, dataTypes } from './onnx-types.ts'
import {
  type Budget,
  budget,
  fields,
  invalid,
  messageUnits,
  nested,
  readPacked,
  readText,
  readWhole,
  safe,
} from './reading.ts'
import { shown } from './shown.ts'

export type Model = {
  readonly graph: Graph
  /** Key → value, for people and tools. */
  readonly metadata: Readonly<Record<string, string>>
  /** ONNX's own operator set. */
  readonly opset: number
}

/** Graphs inside graphs; a Scan has one. */
const deepest = 8

/**
 * Errors: WR_GRAPH_INVALID for anything that is not a whole model of known types; WR_GRAPH_REFUSED for external data, sparse tensors and
 * functions, with which an operator would mean something else, and for far more pieces than a model is made of.
 */
export const decodeModel = (bytes: Uint8Array, left = budget()): Model => readWhole(() => readModel(bytes, left))

function readModel(bytes: Uint8Array, left: Budget): Model {
  let graph: Graph | undefined
  let opset = 0
  const metadata: [string, string][] = []
  fields(bytes, left, (field, reader, wire) => {
    if (wire !== WireType.LengthDelimited) return false
    if (field === 7) {
      // Others would join the parts into one.
      if (graph !== undefined) throw invalid('its graph is in two parts')
      graph = readGraph(reader.bytes(), { left, depth: 0 })
    } else if (field === 8) opset = readOpset(reader.bytes(), left) ?? opset
    else if (field === 14) metadata.push(readEntry(reader.bytes(), left))
    else if (field === 25) throw new WardroundError('WR_GRAPH_REFUSED', { problem: 'it defines functions of its own' })
    else return false
    return true
  })
  if (graph === undefined) throw invalid('there is no graph in it')
  return { graph, metadata: Object.fromEntries(metadata), opset }
}

/** The version of ONNX's own set; other domains are judged by the safelist, by their nodes. */
function readOpset(bytes: Uint8Array, left: Budget): number | undefined {
  left.spend(messageUnits)
  let domain = ''
  let version = 0
  fields(bytes, left, (field, reader, wire) => {
    if (field === 1 && wire === WireType.LengthDelimited) domain = reader.string()
    else if (field === 2 && wire === WireType.Varint) version = safe(reader.int64())
    else return false
    return true
  })
  return domain === '' || domain === 'ai.onnx' ? version : undefined
}

function readEntry(bytes: Uint8Array, left: Budget): [string, string] {
  left.spend(messageUnits)
  let [key, value] = ['', '']
  fields(bytes, left, (field, reader, wire) => {
    if (wire !== WireType.LengthDelimited || (field !== 1 && field !== 2)) return false
    if (field === 1) key = reader.string()
    else value = reader.string()
    return true
  })
  return [key, value]
}

/** A graph, or part of one, so deep inside others. */
type Place = { readonly left: Budget; readonly depth: number }

function readGraph(bytes: Uint8Array, place: Place): Graph {
  const { left, depth } = place
  left.spend(messageUnits)
  if (depth > deepest) throw invalid(`graphs are nested deeper than ${deepest}`)
  const [nodes, initializers, inputs, outputs]: [Node[], Tensor[], ValueInfo[], ValueInfo[]] = [[], [], [], []]
  let name = ''
  fields(bytes, left, (field, reader, wire) => {
    if (wire !== WireType.LengthDelimited) return false
    if (field === 1) nodes.push(readNode(reader.bytes(), place))
    else if (field === 2) name = reader.string()
    else if (field === 5) initializers.push(readTensor(reader.bytes(), left))
    else if (field === 11) inputs.push(readValue(reader.bytes(), left))
    else if (field === 12) outputs.push(readValue(reader.bytes(), left))
    else if (field === 15) throw new WardroundError('WR_GRAPH_REFUSED', { problem: 'sparse tensors are not supported' })
    else return false
    return true
  })
  return { name, inputs, outputs, initializers, nodes }
}

function readNode(bytes: Uint8Array, place: Place): Node {
  const { left } = place
  left.spend(messageUnits)
  const [inputs, outputs]: [string[], string[]] = [[], []]
  const attributes: [string, Attribute][] = []
  let [op, domain] = ['', '']
  fields(bytes, left, (field, reader, wire) => {
    if (wire !== WireType.LengthDelimited) return false
    if (field === 1) inputs.push(reader.string())
    else if (field === 2) outputs.push(reader.string())
    else if (field === 4) op = reader.string()
    else if (field === 5) attributes.push(readAttribute(reader.bytes(), place))
    else if (field === 7) domain = reader.string()
    else return false
    return true
  })
  return { op, domain: domain === 'ai.onnx' ? '' : domain, inputs, outputs, attributes: Object.fromEntries(attributes) }
}

function readAttribute(bytes: Uint8Array, { left, depth }: Place): [string, Attribute] {
  left.spend(messageUnits)
  let name = ''
  let type = 0
  const found: { [K in Attribute['kind']]?: Attribute } = {}
  const [floats, integers, strings]: [number[], number[], string[]] = [[], [], []]
  fields(bytes, left, (field, reader, wire) => {
    if (field === 1) name = reader.string()
    else if (field === 2) found.float = { kind: 'float', value: reader.float() }
    else if (field === 3) found.int = { kind: 'int', value: bounded(reader.int64()) }
    else if (field === 4) found.string = { kind: 'string', value: readText(reader, left) }
    else if (field === 5) found.tensor = { kind: 'tensor', value: readTensor(reader.bytes(), left) }
    else if (field === 6) found.graph = { kind: 'graph', value: readGraph(reader.bytes(), { left, depth: depth + 1 }) }
    else if (field === 7) readPacked({ reader, wire, take: (inner) => floats.push(inner.float()) }, left)
    else if (field === 8) readPacked({ reader, wire, take: (inner) => integers.push(bounded(inner.int64())) }, left)
    else if (field === 9) strings.push(readText(reader, left))
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
  if (attribute === undefined) throw invalid(`the attribute ${shown(name)} is of a type that is not supported`)
  return [name, attribute]
}

/** proto3 writers leave out zeros. */
const defaults: { [K in Attribute['kind']]?: Attribute } = {
  int: { kind: 'int', value: 0 },
  float: { kind: 'float', value: 0 },
  string: { kind: 'string', value: '' },
}

function readValue(bytes: Uint8Array, left: Budget): ValueInfo {
  left.spend(messageUnits)
  let [name, code] = ['', 0]
  let dims: Dim[] | undefined
  const eachIn = (inner: Uint8Array, read: (tensor: Uint8Array) => unknown): void =>
    nested(inner, left, { wanted: 1, read })
  fields(bytes, left, (field, reader, wire) => {
    if (wire !== WireType.LengthDelimited) return false
    if (field === 1) name = reader.string()
    else if (field === 2)
      eachIn(reader.bytes(), (tensor) => {
        fields(tensor, left, (part, inner, innerWire) => {
          if (part === 1 && innerWire === WireType.Varint) code = safe(inner.int64())
          else if (part === 2 && innerWire === WireType.LengthDelimited) dims = readDims(inner.bytes(), left)
          else return false
          return true
        })
      })
    else return false
    return true
  })
  const type = elementTypes.find((candidate) => dataTypes[candidate] === code)
  if (type === undefined) throw invalid(`the value ${shown(name)} is of a type that is not supported`)
  if (dims === undefined) throw invalid(`the value ${shown(name)} has no shape`)
  // Two unknown extents need not be the same one.
  return { name, type, shape: dims.map((extent, axis) => (extent === '' ? `${name}/${axis}` : extent)) }
}

function readDims(bytes: Uint8Array, left: Budget): Dim[] {
  const dims: Dim[] = []
  nested(bytes, left, { wanted: 1, read: (dim) => dims.push(readDim(dim, left)) })
  return dims
}

/** '' where the extent is not known; some writers say −1. */
function readDim(bytes: Uint8Array, left: Budget): Dim {
  left.spend(messageUnits)
  let extent = '' as Dim
  fields(bytes, left, (field, reader) => {
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
