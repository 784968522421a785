/**
 * Floating-point operations of a graph. A multiplication and an addition are two. Products, convolutions and recurrent layers are counted exactly; everything else as
 * one operation for each value that goes in or comes out, whichever are more: what it costs is memory traffic, anyway.
 */
import { sizeOf } from '../../weights.ts'
import type { Graph, Node } from '../ir.ts'
import { recurrentOf } from '../recurrent.ts'
import { inferNode } from '../shapes/registry.ts'
import type { TypedShape } from '../shapes/rule.ts'
import type { TypedGraph } from './probe-step.ts'

/** Operators that only say anew what a value is, or take part of it. */
const free = new Set(['Identity', 'Reshape', 'Shape', 'Size', 'Squeeze', 'Unsqueeze', 'Flatten', 'Constant'])

/** Every extent must be known. */
export const operationsOf = ({ graph, info }: TypedGraph): number =>
  graph.nodes.reduce((sum, node) => sum + ofNode(node, info), 0)

type Info = TypedGraph['info']

function ofNode(node: Node, info: Info): number {
  const shapes = (names: readonly string[]): Shapes =>
    names.map((name) => (name === '' ? undefined : info(name).shape.map(Number)))
  const [inputs, outputs] = [shapes(node.inputs), shapes(node.outputs)]
  const [output = []] = outputs.filter((shape) => shape !== undefined)
  switch (node.op) {
    case 'MatMul':
    case 'Gemm':
      return product(node, inputs, output)
    case 'Conv':
      // Each output is a sum over one window: [outputs, channels / groups, …kernel].
      return 2 * sizeOf(output) * sizeOf(inputs[1]?.slice(1) ?? []) + (inputs[2] === undefined ? 0 : sizeOf(output))
    case 'ConvTranspose':
      // Each input is spread over one window: [channels, outputs / groups, …kernel].
      return (
        2 * sizeOf(inputs[0] ?? []) * sizeOf(inputs[1]?.slice(1) ?? []) + (inputs[2] === undefined ? 0 : sizeOf(output))
      )
    case 'RNN':
    case 'GRU':
    case 'LSTM':
      return recurrent(node, inputs)
    case 'Scan':
      return scan(node, inputs, info)
    default:
      return free.has(node.op)
        ? 0
        : Math.max(...[...inputs, ...outputs].map((shape) => (shape === undefined ? 0 : sizeOf(shape))))
  }
}

type Shapes = readonly (readonly number[] | undefined)[]

/** [m, k] by [k, n]: k multiplications and additions for each value. */
function product(node: Node, [a = [], , c]: Shapes, output: readonly number[]): number {
  const { transA } = node.attributes
  const isTurned = node.op === 'Gemm' && transA?.kind === 'int' && transA.value !== 0
  const inner = (isTurned ? a.at(-2) : a.at(-1)) ?? 1
  return 2 * inner * sizeOf(output) + (c === undefined ? 0 : sizeOf(output))
}

/** For each step, example and gate the products with its input and its state, the two biases, and some ten operations for what the gates do to the state. */
function recurrent(node: Node, inputs: Shapes): number {
  const { steps, batch, inputs: width, hidden, gates, directions } = recurrentOf(node, inputs)
  const cells = Number(steps) * Number(batch) * hidden * directions.length
  return cells * gates * (2 * width + 2 * hidden) + cells * (gates * 3 + stateOperations)
}
const stateOperations = 4

/** The body, once for each slice. */
function scan(node: Node, inputs: Shapes, info: Info): number {
  const { body, num_scan_inputs: scanned } = node.attributes
  if (body?.kind !== 'graph' || scanned?.kind !== 'int') return 0
  const [steps = 0] = inputs.at(-scanned.value) ?? []
  return steps * operationsOf({ graph: body.value, info: infoInside(body.value, info) })
}

/** What is known of a subgraph's values, those of the graph around it among them. */
export function infoInside(graph: Graph, around: Info): Info {
  const constants = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]))
  const known = new Map<string, TypedShape>(
    [...graph.inputs, ...graph.initializers].map((value) => [value.name, value]),
  )
  const info: Info = (name) => known.get(name) ?? around(name)
  for (const node of graph.nodes) {
    const made = inferNode(node, { info, constant: (name) => constants.get(name) })
    for (const [index, value] of made.entries()) known.set(node.outputs[index] ?? '', value)
  }
  return info
}
