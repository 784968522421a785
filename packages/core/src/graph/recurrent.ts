/** What a recurrent layer is made of (ONNX operator documents, opset 21: GRU, LSTM, RNN), as far as Wardround goes with it. */
import { WardroundError } from '../errors.ts'
import { type Dim, intAttribute, type Node, type Shape } from './ir.ts'

export type Recurrent = {
  readonly steps: Dim
  readonly batch: Dim
  readonly inputs: number
  readonly hidden: number
  /** In the order of ONNX: z r h, i o f c. */
  readonly gates: number
  /** For each direction whether it goes from the last step to the first. */
  readonly directions: readonly boolean[]
}

const gateCounts: Readonly<Record<string, number>> = { RNN: 1, GRU: 3, LSTM: 4 }
const directionsOf: ReadonlyMap<string, readonly boolean[]> = new Map([
  ['forward', [false]],
  ['reverse', [true]],
  ['bidirectional', [false, true]],
])

/** Where a node has each of its operands. */
export const operandAt = { x: 0, w: 1, r: 2, bias: 3, lengths: 4, h: 5, c: 6, peepholes: 7 } as const

/** `shapes` are those of the node's inputs. Errors: WR_GRAPH_INVALID; WR_GRAPH_REFUSED for variants that nobody here computes. */
export function recurrentOf(node: Node, shapes: readonly (Shape | undefined)[]): Recurrent {
  requireSupported(node)
  const [x, w, r] = [shapes[operandAt.x], shapes[operandAt.w], shapes[operandAt.r]]
  const [steps, batch, inputs] = x ?? []
  const hidden = r?.[2]
  const directions = directionsNamed(node)
  const gates = gateCounts[node.op] ?? 0
  if (x?.length !== 3 || steps === undefined || batch === undefined || !isExtent(inputs) || !isExtent(hidden))
    throw invalid(`${node.op} of [${x?.join(', ')}] with recurrent weights of [${r?.join(', ')}]`)
  if (steps === 0 || batch === 0) throw invalid(`${node.op} over nothing: [${x.join(', ')}]`)
  const layer: Recurrent = { steps, batch, inputs, hidden, gates, directions }
  const state = [directions.length, batch, hidden]
  requireShape(node, w, [directions.length, gates * hidden, inputs])
  requireShape(node, r, [directions.length, gates * hidden, hidden])
  requireOptional(node, shapes[operandAt.bias], [directions.length, 2 * gates * hidden])
  requireOptional(node, shapes[operandAt.h], state)
  requireOptional(node, shapes[operandAt.c], state)
  const said = intAttribute(node, 'hidden_size', 0)
  if (said !== hidden) throw invalid(`${node.op} with recurrent weights for ${hidden} that calls itself ${said} wide`)
  return layer
}

const isExtent = (extent: Dim | undefined): extent is number => typeof extent === 'number' && extent > 0

function directionsNamed(node: Node): readonly boolean[] {
  const { direction = { kind: 'string', value: 'forward' } } = node.attributes
  const name = direction.kind === 'string' ? direction.value : ''
  const found = directionsOf.get(name)
  if (found === undefined) throw invalid(`${node.op} in the direction ${name.slice(0, 20)}`)
  return found
}

/** Attributes that say what is computed with, or how it is clipped. */
const foreign = ['activation_alpha', 'activation_beta', 'clip']

/** In each direction. */
const ownActivations: Readonly<Record<string, readonly string[]>> = {
  RNN: ['Tanh'],
  GRU: ['Sigmoid', 'Tanh'],
  LSTM: ['Sigmoid', 'Tanh', 'Tanh'],
}

function requireSupported(node: Node): void {
  const { activations } = node.attributes
  const own = directionsNamed(node).flatMap(() => ownActivations[node.op] ?? [])
  const areOwn = activations?.kind === 'strings' && activations.value.join() === own.join()
  if (activations !== undefined && !areOwn) throw refused(`${node.op} with activations other than ${own.join(', ')}`)
  const attribute = foreign.find((name) => Object.hasOwn(node.attributes, name))
  if (attribute !== undefined) throw refused(`${node.op} with the attribute ${attribute}`)
  if (intAttribute(node, 'layout', 0) !== 0) throw refused(`${node.op} with the batch in front (layout)`)
  if (intAttribute(node, 'input_forget', 0) !== 0) throw refused(`${node.op} with coupled gates (input_forget)`)
  if ((node.inputs[operandAt.lengths] ?? '') !== '') throw refused(`${node.op} with sequences of different lengths`)
  if ((node.inputs[operandAt.peepholes] ?? '') !== '') throw refused(`${node.op} with peepholes`)
}

function requireOptional(node: Node, shape: Shape | undefined, wanted: Shape): void {
  if (shape !== undefined) requireShape(node, shape, wanted)
}

function requireShape(node: Node, shape: Shape | undefined, wanted: Shape): void {
  if (shape?.length !== wanted.length || shape.some((extent, axis) => extent !== wanted[axis]))
    throw invalid(`${node.op} with [${shape?.join(', ')}] where [${wanted.join(', ')}] is needed`)
}

const invalid = (problem: string): WardroundError => new WardroundError('WR_GRAPH_INVALID', { problem })
const refused = (problem: string): WardroundError => new WardroundError('WR_GRAPH_REFUSED', { problem })
