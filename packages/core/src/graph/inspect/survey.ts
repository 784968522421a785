/**
 * What a model file says of itself, read without its values and without refusing anything: so that all that stands in a model's way can be told at once.
 * Field numbers are those of onnx/onnx.proto (ONNX 1.17).
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { WardroundError } from '../../errors.ts'
import { type Budget, budget, messageUnits, readWhole } from '../reading.ts'

export type SurveyNode = {
  readonly op: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** What the exporter calls the part of the model that it comes from (`layer1.0.conv1`); '' where it does not say. */
  readonly module: string
  /** What an exporter's optimiser says that it did to it. */
  readonly rewritten: string
}
export type SurveyTensor = {
  readonly name: string
  readonly type: number
  readonly shape: readonly number[]
  readonly isElsewhere: boolean
}
/** An extent that is not fixed is a text. */
export type SurveyValue = { readonly name: string; readonly type: number; readonly shape: readonly (number | string)[] }

export type Survey = {
  readonly producer: string
  readonly opset: number
  /** Those that the model defines itself. */
  readonly functions: number
  readonly sparse: number
  /** Nodes of subgraphs are among them. */
  readonly nodes: readonly SurveyNode[]
  readonly tensors: readonly SurveyTensor[]
  readonly inputs: readonly SurveyValue[]
  readonly outputs: readonly SurveyValue[]
}

/** Graphs inside graphs. */
const deepest = 8

type Draft = {
  readonly left: Budget
  producer: string
  version: string
  opset: number
  functions: number
  sparse: number
  graphs: number
  nodes: SurveyNode[]
  tensors: SurveyTensor[]
  inputs: SurveyValue[]
  outputs: SurveyValue[]
}

/** Errors: WR_GRAPH_INVALID for what is no model at all. */
export function surveyModel(bytes: Uint8Array, left = budget()): Survey {
  const draft: Draft = {
    left,
    producer: '',
    version: '',
    opset: 0,
    functions: 0,
    sparse: 0,
    graphs: 0,
    nodes: [],
    tensors: [],
    inputs: [],
    outputs: [],
  }
  readWhole(() => readModel(bytes, draft))
  if (draft.graphs === 0) throw new WardroundError('WR_GRAPH_INVALID', { problem: 'there is no graph in it' })
  const { left: _, ...found } = draft
  return { ...found, producer: `${draft.producer} ${draft.version}`.trim() }
}

type Field = { readonly field: number; readonly bytes: Uint8Array; readonly number: number }

/** Every field of a message: bytes where it has a length, a number where it is one. */
function* fieldsOf(bytes: Uint8Array, { spend }: Budget): Generator<Field> {
  const reader = new BinaryReader(bytes)
  spend(messageUnits)
  while (reader.pos < reader.len) {
    spend(1)
    const [field, wire] = reader.tag()
    if (wire === WireType.LengthDelimited) yield { field, bytes: reader.bytes(), number: 0 }
    else if (wire === WireType.Varint) yield { field, bytes: nothing, number: Number(reader.int64()) }
    else reader.skip(wire, field)
  }
}
const nothing = new Uint8Array()

const lenient = new TextDecoder()
const textOf = (bytes: Uint8Array): string => lenient.decode(bytes)

function readModel(bytes: Uint8Array, draft: Draft): void {
  for (const part of fieldsOf(bytes, draft.left)) {
    if (part.field === 2) draft.producer = textOf(part.bytes)
    else if (part.field === 3) draft.version = textOf(part.bytes)
    else if (part.field === 7) {
      draft.graphs += 1
      readGraph(part.bytes, draft, 0)
    } else if (part.field === 8) draft.opset = opsetOf(part.bytes, draft.left) ?? draft.opset
    else if (part.field === 25) draft.functions += 1
  }
}

function opsetOf(bytes: Uint8Array, left: Budget): number | undefined {
  let [domain, version] = ['', 0]
  for (const part of fieldsOf(bytes, left)) {
    if (part.field === 1) domain = textOf(part.bytes)
    else if (part.field === 2) version = part.number
  }
  return domain === '' || domain === 'ai.onnx' ? version : undefined
}

function readGraph(bytes: Uint8Array, draft: Draft, depth: number): void {
  if (depth > deepest)
    throw new WardroundError('WR_GRAPH_INVALID', { problem: `graphs are nested deeper than ${deepest}` })
  for (const part of fieldsOf(bytes, draft.left)) {
    if (part.field === 1) readNode(part.bytes, draft, depth)
    else if (part.field === 5) draft.tensors.push(tensorOf(part.bytes, draft.left))
    else if (part.field === 11 && depth === 0) draft.inputs.push(infoOf(part.bytes, draft.left))
    else if (part.field === 12 && depth === 0) draft.outputs.push(infoOf(part.bytes, draft.left))
    else if (part.field === 15) draft.sparse += 1
  }
}

function readNode(bytes: Uint8Array, draft: Draft, depth: number): void {
  const [inputs, outputs]: [string[], string[]] = [[], []]
  const said = new Map<string, string>()
  let [name, op, domain] = ['', '', '']
  for (const part of fieldsOf(bytes, draft.left)) {
    if (part.field === 1) inputs.push(textOf(part.bytes))
    else if (part.field === 2) outputs.push(textOf(part.bytes))
    else if (part.field === 3) name = textOf(part.bytes)
    else if (part.field === 4) op = textOf(part.bytes)
    else if (part.field === 5) readAttribute(part.bytes, draft, depth)
    else if (part.field === 7) domain = textOf(part.bytes)
    else if (part.field === 9) said.set(...entryOf(part.bytes, draft.left))
  }
  draft.nodes.push({
    op,
    domain: domain === 'ai.onnx' ? '' : domain,
    inputs,
    outputs,
    module: moduleOf(said.get('pkg.torch.onnx.name_scopes'), name),
    rewritten: said.get('pkg.onnxscript.rewriter.rule_name') ?? '',
  })
}

/** PyTorch lists the modules around a node from the outermost to the node itself; older exporters, and Keras's, have them in its name as a path. */
function moduleOf(scopes: string | undefined, name: string): string {
  if (scopes !== undefined) return [...scopes.matchAll(/'([^']*)'/g)].at(-2)?.[1] ?? ''
  const path = name.split('/').filter((step) => step !== '')
  // /layer1/layer1.0/conv1/Conv: some steps repeat what stands before them.
  return path.slice(0, -1).reduce((module, step) => (step.startsWith(`${module}.`) ? step : joined(module, step)), '')
}
const joined = (module: string, step: string): string => (module === '' ? step : `${module}.${step}`)

/** Attributes may hold tensors (5), graphs (6), and lists of them (10, 11). */
function readAttribute(bytes: Uint8Array, draft: Draft, depth: number): void {
  for (const part of fieldsOf(bytes, draft.left)) {
    if (part.field === 5 || part.field === 10) draft.tensors.push(tensorOf(part.bytes, draft.left))
    else if (part.field === 6 || part.field === 11) readGraph(part.bytes, draft, depth + 1)
  }
}

function entryOf(bytes: Uint8Array, left: Budget): [key: string, value: string] {
  let [key, value] = ['', '']
  for (const part of fieldsOf(bytes, left)) {
    if (part.field === 1) key = textOf(part.bytes)
    else if (part.field === 2) value = textOf(part.bytes)
  }
  return [key, value]
}

function tensorOf(bytes: Uint8Array, left: Budget): SurveyTensor {
  const shape: number[] = []
  let [name, type, isElsewhere] = ['', 0, false]
  for (const part of fieldsOf(bytes, left)) {
    if (part.field === 1) shape.push(...(part.bytes.length > 0 ? packed(part.bytes) : [part.number]))
    else if (part.field === 2) type = part.number
    else if (part.field === 8) name = textOf(part.bytes)
    else if (part.field === 13) isElsewhere = true
    else if (part.field === 14) isElsewhere ||= part.number !== 0
  }
  return { name, type, shape, isElsewhere }
}

/** No tensor has more axes than this; a file that says so must not fill the memory. */
const mostAxes = 64

function packed(bytes: Uint8Array): number[] {
  const reader = new BinaryReader(bytes)
  const numbers: number[] = []
  while (reader.pos < reader.len && numbers.length < mostAxes) numbers.push(Number(reader.int64()))
  return numbers
}

function infoOf(bytes: Uint8Array, left: Budget): SurveyValue {
  let [name, type] = ['', 0]
  const shape: (number | string)[] = []
  for (const part of fieldsOf(bytes, left)) {
    if (part.field === 1) name = textOf(part.bytes)
    else if (part.field === 2)
      for (const tensor of inside(part.bytes, left, 1)) {
        if (tensor.field === 1) type = tensor.number
        else if (tensor.field === 2)
          for (const extent of inside(tensor.bytes, left)) shape.push(dimOf(extent.bytes, left))
      }
  }
  return { name, type, shape }
}

/** The fields of the message in field `wanted`; without one, the fields themselves. */
function* inside(bytes: Uint8Array, left: Budget, wanted?: number): Generator<Field> {
  for (const part of fieldsOf(bytes, left)) {
    if (wanted === undefined) yield part
    else if (part.field === wanted) yield* fieldsOf(part.bytes, left)
  }
}

function dimOf(bytes: Uint8Array, left: Budget): number | string {
  let extent: number | string = '?'
  for (const part of fieldsOf(bytes, left)) {
    if (part.field === 1) extent = part.number < 0 ? '?' : part.number
    else if (part.field === 2) extent = textOf(part.bytes)
  }
  return extent
}
