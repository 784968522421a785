/** IR → ModelProto bytes. Field numbers are those of onnx/onnx.proto (ONNX 1.17). */
import { sizeOf } from '../weights.ts'
import { type Attribute, type Graph, irVersion, type Node, opsetVersion, type Tensor, type ValueInfo } from './ir.ts'
import { attributeTypes, dataTypes } from './onnx-types.ts'
import { type ProtobufWriter, protobufWriter, wireTypes } from './protobuf-writer.ts'

type Fill = (writer: ProtobufWriter) => void

const message = (writer: ProtobufWriter, field: number, fill: Fill): ProtobufWriter =>
  writer.tag(field, wireTypes.lengthDelimited).message(fill)
const string = (writer: ProtobufWriter, field: number, value: string): ProtobufWriter =>
  writer.tag(field, wireTypes.lengthDelimited).string(value)
const varint = (writer: ProtobufWriter, field: number, value: number | bigint): ProtobufWriter =>
  writer.tag(field, wireTypes.varint).varint(value)

/** A part of a model file: bytes, or the values of a Float32 constant, row by row, which are kept elsewhere. */
export type ModelPart = Uint8Array<ArrayBuffer> | { readonly tensor: string }

const written = (fill: Fill): Uint8Array<ArrayBuffer> => {
  const writer = protobufWriter()
  fill(writer)
  return writer.finish()
}

const sizeOfPart = (part: ModelPart, graph: Graph): number =>
  part instanceof Uint8Array
    ? part.length
    : 4 * sizeOf(graph.initializers.find(({ name }) => name === part.tensor)?.shape ?? [])

type PartsOptions = {
  readonly metadata?: Readonly<Record<string, string>>
  /** The operator set that the nodes are of. */
  readonly opset?: number
  /** Float32 constants whose values are not in the graph: each is a part of its own. */
  readonly apart?: ReadonlySet<string>
}

/** A model file from front to back; the same graph always gives the same bytes. */
export function modelParts(
  graph: Graph,
  { metadata = {}, opset = opsetVersion, apart = new Set() }: PartsOptions = {},
): readonly ModelPart[] {
  const inner = graphParts(graph, apart)
  const innerBytes = inner.reduce((sum, part) => sum + sizeOfPart(part, graph), 0)
  const head = written((writer) => {
    varint(writer, 1, irVersion)
    string(writer, 2, 'wardround')
    writer.tag(7, wireTypes.lengthDelimited).varint(innerBytes)
  })
  const tail = written((writer) => {
    message(writer, 8, (inner) => varint(inner, 2, opset))
    for (const [key, value] of Object.entries(metadata).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      message(writer, 14, (inner) => string(string(inner, 1, key), 2, value))
  })
  return [head, ...inner, tail]
}

/** How many bytes the parts are together. */
export const modelSize = (graph: Graph, parts: readonly ModelPart[]): number =>
  parts.reduce((sum, part) => sum + sizeOfPart(part, graph), 0)

/** The bytes of a model file. `opset` is the one that its nodes are of. */
export function encodeModel(
  graph: Graph,
  metadata: Readonly<Record<string, string>> = {},
  opset = opsetVersion,
): Uint8Array<ArrayBuffer> {
  const parts = modelParts(graph, { metadata, opset }).filter((part) => part instanceof Uint8Array)
  const bytes = new Uint8Array(modelSize(graph, parts))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

function graphParts(graph: Graph, apart: ReadonlySet<string>): readonly ModelPart[] {
  const constants = graph.initializers.flatMap((tensor): ModelPart[] => {
    if (!apart.has(tensor.name)) return [written((writer) => message(writer, 5, (inner) => writeTensor(inner, tensor)))]
    const part = { tensor: tensor.name }
    const valueBytes = sizeOfPart(part, graph)
    const head = written((writer) => {
      writeTensorHead(writer, tensor)
      writer.tag(9, wireTypes.lengthDelimited).varint(valueBytes)
    })
    return [written((writer) => writer.tag(5, wireTypes.lengthDelimited).varint(head.length + valueBytes)), head, part]
  })
  return [written((writer) => writeNodes(writer, graph)), ...constants, written((writer) => writeValues(writer, graph))]
}

function writeGraph(writer: ProtobufWriter, graph: Graph): void {
  writeNodes(writer, graph)
  for (const tensor of graph.initializers) message(writer, 5, (inner) => writeTensor(inner, tensor))
  writeValues(writer, graph)
}

function writeNodes(writer: ProtobufWriter, graph: Graph): void {
  for (const node of graph.nodes) message(writer, 1, (inner) => writeNode(inner, node))
  string(writer, 2, graph.name)
}

function writeValues(writer: ProtobufWriter, graph: Graph): void {
  for (const value of graph.inputs) message(writer, 11, (inner) => writeValue(inner, value))
  for (const value of graph.outputs) message(writer, 12, (inner) => writeValue(inner, value))
}

function writeNode(writer: ProtobufWriter, node: Node): void {
  for (const name of node.inputs) string(writer, 1, name)
  for (const name of node.outputs) string(writer, 2, name)
  string(writer, 4, node.op)
  for (const [name, attribute] of Object.entries(node.attributes))
    message(writer, 5, (inner) => writeAttribute(inner, name, attribute))
  if (node.domain !== '') string(writer, 7, node.domain)
}

function writeAttribute(writer: ProtobufWriter, name: string, attribute: Attribute): void {
  string(writer, 1, name)
  switch (attribute.kind) {
    case 'float':
      writer.tag(2, wireTypes.bit32).float(attribute.value)
      break
    case 'int':
      varint(writer, 3, attribute.value)
      break
    case 'string':
      writer.tag(4, wireTypes.lengthDelimited).string(attribute.value)
      break
    case 'tensor':
      message(writer, 5, (inner) => writeTensor(inner, attribute.value))
      break
    case 'graph':
      message(writer, 6, (inner) => writeGraph(inner, attribute.value))
      break
    case 'floats':
      for (const value of attribute.value) writer.tag(7, wireTypes.bit32).float(value)
      break
    case 'ints':
      for (const value of attribute.value) varint(writer, 8, value)
      break
    case 'strings':
      for (const value of attribute.value) writer.tag(9, wireTypes.lengthDelimited).string(value)
      break
  }
  varint(writer, 20, attributeTypes[attribute.kind])
}

function writeTensor(writer: ProtobufWriter, tensor: Tensor): void {
  writeTensorHead(writer, tensor)
  if (tensor.type === 'string') return
  const { buffer, byteOffset, byteLength } = tensor.data
  writer.tag(9, wireTypes.lengthDelimited).bytes(new Uint8Array(buffer, byteOffset, byteLength))
}

/** All but numbers, which come last. */
function writeTensorHead(writer: ProtobufWriter, tensor: Tensor): void {
  for (const extent of tensor.shape) varint(writer, 1, extent)
  varint(writer, 2, dataTypes[tensor.type])
  if (tensor.type === 'string') for (const value of tensor.data) writer.tag(6, wireTypes.lengthDelimited).string(value)
  string(writer, 8, tensor.name)
}

function writeValue(writer: ProtobufWriter, value: ValueInfo): void {
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
