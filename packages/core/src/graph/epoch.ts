/**
 * The training graph: many steps in one `Scan`. Weights and optimizer state are carried from step to step; the data set is an outer value that batches are
 * gathered from, so that it crosses into the runtime once a call. What no step needs of another is done outside of the `Scan`, for all of them at once
 * (hoist.ts). Random draws come in as inputs: the graph itself is deterministic.
 */
import type { TensorSpec } from '../weights.ts'
import { type GraphBuilder, graphBuilder, namedIn, neededFor } from './builder.ts'
import { hoist } from './hoist.ts'
import { type Attribute, type Graph, int, ints, type Node, subgraph, type ValueInfo } from './ir.ts'
import { joinedOf } from './joined.ts'
import type { DrawSpec } from './layers/layer.ts'
import { counter, type StateSpec } from './optimizers/optimizer.ts'
import { pack, packingOf, unpack } from './packing.ts'
import {
  appendStep,
  batchInput,
  carriedBy,
  countedInput,
  drawsInput,
  noiseInput,
  rateInput,
  type StepOptions,
  type StepParts,
  stepParts,
} from './step.ts'

export type EpochGraph = {
  /**
   * Inputs, by name: the outer values and the carried ones (step.ts), `batches` int32 [steps, batch], `draws/<layer>` [steps, batch, …extents],
   * `rates` [steps] if scheduled, and of private steps `counted` [steps, batch, 1] and `noise/<weight>` [steps, …extents] of each weight that is learnt.
   * Outputs: `next/<weight or state>`, and `losses` [steps]: each step's data loss, before the step, without penalties.
   */
  readonly graph: Graph
  readonly weights: readonly TensorSpec[]
  readonly state: readonly StateSpec[]
  readonly draws: readonly DrawSpec[]
}

const losses = 'losses'
const nextOf = (name: string): string => `next/${name}`

/** `joins` is whether a first layer's kernel and bias may be one matrix; without, the bits are those of a step by itself (divided-step.ts). */
export function epochGraph(options: StepOptions, { joins = true }: { readonly joins?: boolean } = {}): EpochGraph {
  const own = stepParts(options)
  const { weights, state, draws, carried } = own
  const joined = joins ? joinedOf(options, own) : undefined
  const packing = packingOf({ ...own, ...(joined && { joined }) })
  const parts: StepParts = { ...own, packing }
  const b = graphBuilder()
  for (const value of [...parts.outer, ...carried]) b.input(value)
  const scanned = scannedInputs(b, options, parts)
  for (const { value, tensors } of packing?.vectors ?? [])
    pack(
      b,
      tensors.map(({ name }) => name),
      value,
    )
  appendSteps(b, bodyOf(options, parts), scanned)
  for (const { value, tensors } of packing?.vectors ?? [])
    unpack(
      b,
      nextOf(value.name),
      tensors.map((tensor) => ({ ...tensor, name: nextOf(tensor.name) })),
    )
  const graph = b.build('epoch', [...carried.map(({ name }) => nextOf(name)), losses])
  return { graph, weights, state, draws }
}

/** What differs from step to step and is known before the first: a step's inputs, by the values of all steps. */
function scannedInputs(
  b: GraphBuilder,
  options: StepOptions,
  { draws, learnt, state }: StepParts,
): ReadonlyMap<string, string> {
  const scanned = new Map<string, string>()
  const input = (inner: string, value: ValueInfo): void => void scanned.set(inner, b.input(value))
  const { batch } = options
  input(batchInput, { name: 'batches', type: 'int32', shape: ['steps', batch] })
  for (const layer of draws)
    input(drawsInput(layer), {
      name: `draws/${layer.name}`,
      type: 'float32',
      shape: ['steps', batch, ...layer.extents],
    })
  if (options.scheduled) input(rateInput, { name: 'rates', type: 'float32', shape: ['steps'] })
  if (options.privacy !== undefined) {
    input(countedInput, { name: 'counted', type: 'float32', shape: ['steps', batch, 1] })
    for (const { name, shape } of learnt)
      input(noiseInput({ name }), { name: `noise/${name}`, type: 'float32', shape: ['steps', ...shape] })
  }
  if (state.some(({ name }) => name === counter)) scanned.set(counter, appendCounts(b))
  return scanned
}

/** How many steps have been taken before each one, [steps]; and behind the last. */
function appendCounts(b: GraphBuilder): string {
  const first = b.node('ReduceMax', [b.node('Cast', ['batches'], { attributes: { to: int(1) } }), b.axes([1])], {
    attributes: { keepdims: int(0) },
  })
  const ones = b.node('Add', [b.node('Mul', [first, b.scalar(0)]), b.scalar(1)])
  const numbers = b.node('Add', [counter, b.node('CumSum', [ones, b.axes([0])])])
  b.node('ReduceMax', [numbers, b.axes([0])], { attributes: { keepdims: int(0) }, name: nextOf(counter) })
  return b.node('Sub', [numbers, b.scalar(1)])
}

/** A step as a graph, whose outputs are what goes into the next one, and its loss. */
type Body = {
  readonly b: GraphBuilder
  readonly graph: Graph
  readonly carried: readonly ValueInfo[]
  readonly next: readonly string[]
  readonly loss: string
  /** The tensors that it takes out of a vector. */
  readonly unpacked: readonly string[]
}

function bodyOf(options: StepOptions, parts: StepParts): Body {
  const b = graphBuilder('step/')
  for (const value of parts.outer) b.outer(value)
  const { next, loss } = appendStep(b, options, parts)
  const carried = carriedBy(parts).map((value, index) => ({ value, next: next[index] ?? '' }))
  const counted = carried.filter(({ value }) => value.name !== counter)
  // A Scan body's outputs must be values that its nodes make, each once: Identity makes others so. Of a small model every node is felt.
  const made = new Set(b.nodes().flatMap(({ outputs }) => outputs))
  const own = counted.map(({ next: name }) => (made.delete(name) ? name : b.node('Identity', [name])))
  return {
    b,
    graph: b.build('step', [...own, loss]),
    carried: counted.map(({ value }) => value),
    next: own,
    loss,
    unpacked: parts.packing?.pieces.map(({ name }) => name).filter((name) => made.has(name)) ?? [],
  }
}

function appendSteps(b: GraphBuilder, body: Body, scanned: ReadonlyMap<string, string>): void {
  const { graph, carried, next, loss } = body
  const { fixed, before, within, behind } = hoist(body.b, { graph, scanned: [...scanned.keys()], next })
  const outer = outerValues(b, body, { fixed, scanned })
  for (const { node, stacked } of before) outer.set(node.outputs[0] ?? '', stacked(b, node.inputs.map(outer.of)))

  const made = new Set(within.flatMap(({ outputs }) => outputs))
  const written =
    behind.length === 0 ? [loss] : valuesReadBy(behind.map(({ node }) => node)).filter((name) => made.has(name))
  const inner = innerGraph(body, { nodes: [...fixed, ...within], outputs: [...next, ...written], isScanned: outer.has })
  const stacks = written.map((name): ValueInfo => {
    const { type, shape } = body.b.info(name)
    return { name: name === loss ? losses : b.unused('Scan'), type, shape: ['steps', ...shape] }
  })
  const read = inner.inputs.slice(carried.length).map(({ name }) => outer.of(name))
  b.call('Scan', [...carried.map(({ name }) => name), ...read], {
    outputs: [...carried.map((value) => ({ ...value, name: nextOf(value.name) })), ...stacks],
    attributes: {
      body: subgraph(inner),
      num_scan_inputs: int(read.length),
      scan_input_axes: ints(read.map(() => 0)),
    },
  })
  for (const [index, name] of written.entries()) outer.set(name, stacks[index]?.name ?? '')
  for (const { node, stacked } of behind) {
    const [output = ''] = node.outputs
    outer.set(output, stacked(b, node.inputs.map(outer.of), output === loss ? losses : undefined))
  }
}

const valuesReadBy = (nodes: readonly Node[]): readonly string[] => [...new Set(nodes.flatMap(namedIn))]

/** Values of a step by their names outside of the steps: stacked ones, and those that are the same for all, which are made again there when they are asked for. */
function outerValues(
  b: GraphBuilder,
  { b: inside }: Body,
  { fixed, scanned }: { fixed: readonly Node[]; scanned: ReadonlyMap<string, string> },
) {
  const known = new Map(scanned)
  const stacked = new Set(scanned.keys())
  const makers = new Map(fixed.flatMap((node) => node.outputs.map((output) => [output, node])))
  const of = (name: string): string => {
    const value = known.get(name) ?? again(name)
    known.set(name, value)
    return value
  }
  const again = (name: string): string => {
    const [constant, maker] = [inside.constant(name), makers.get(name)]
    if (constant !== undefined) return b.initializer({ ...constant, name: `all/${name}` })
    if (maker === undefined) return name
    const outputs = maker.outputs.map((output) => (output === '' ? '' : `all/${output}`))
    b.several(maker.op, maker.inputs.map(of), { outputs, attributes: maker.attributes })
    for (const [index, output] of maker.outputs.entries()) known.set(output, outputs[index] ?? '')
    return known.get(name) ?? ''
  }
  return {
    of,
    set(name: string, value: string): void {
      known.set(name, value)
      stacked.add(name)
    },
    has: (name: string): boolean => stacked.has(name),
  }
}

type Inner = {
  /** In any order in which each comes after those that it needs. */
  readonly nodes: readonly Node[]
  readonly outputs: readonly string[]
  isScanned(name: string): boolean
}

/** What is left in the loop. Its inputs are what is carried, then what is scanned. */
function innerGraph({ b, graph, carried, unpacked }: Body, { nodes, outputs, isScanned }: Inner): Graph {
  const wanted = new Set(outputs)
  const left = neededFor(wanted, nodes)
  // Outside, the tensors in a vector have the same names.
  const other = (name: string): string => (unpacked.includes(name) ? `step/${name}` : name)
  const valued = (name: string): ValueInfo => ({ name, type: b.info(name).type, shape: b.info(name).shape })
  return {
    name: 'step',
    inputs: [...carried, ...[...wanted].filter(isScanned).map(valued)],
    outputs: outputs.map((name) => ({ ...valued(name), name: other(name) })),
    initializers: graph.initializers.filter(({ name }) => wanted.has(name)),
    nodes: left.map((node) => renamed(node, other)),
  }
}

/** With other names, in subgraphs, too. */
function renamed(node: Node, other: (name: string) => string): Node {
  const inside = (graph: Graph): Graph => ({ ...graph, nodes: graph.nodes.map((one) => renamed(one, other)) })
  const attributes = Object.entries(node.attributes).map(([key, attribute]): [string, Attribute] => [
    key,
    attribute.kind === 'graph' ? subgraph(inside(attribute.value)) : attribute,
  ])
  return {
    ...node,
    inputs: node.inputs.map(other),
    outputs: node.outputs.map(other),
    attributes: Object.fromEntries(attributes),
  }
}
