/**
 * Gradients of normalisations. With x̂ = (x − mean)·inv and g = dy∘scale, means taken over what shares its statistics:
 * dx = inv·(g − mean(g) − x̂·mean(g∘x̂)) (Ioffe and Szegedy 2015). What each row or channel is scaled and shifted by goes through BatchNormalization:
 * ONNX Runtime does both, with statistics, in one pass over memory.
 */

import { WardroundError } from '../../errors.ts'
import { sizeOf } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'
import { float, floatAttribute, int, intAttribute, type Node } from '../ir.ts'
import { scratch } from '../scratch.ts'
import { isTraining } from '../shapes/normalization.ts'
import {
  fixedShape,
  type GradientRule,
  inputOf,
  ofFirstOutput,
  outputOf,
  type SingleRule,
  unbroadcast,
} from './rule.ts'

const refused = (problem: string): WardroundError => new WardroundError('WR_GRAPH_REFUSED', { problem })

const vector = (b: GraphBuilder, value: number, length: number): string =>
  b.node('Expand', [b.scalar(value), b.axes([length])])
const reshaped = (b: GraphBuilder, x: string, shape: readonly number[]): string => b.node('Reshape', [x, b.axes(shape)])
const summed = (b: GraphBuilder, x: string, axes: readonly number[]): string =>
  b.node('ReduceSum', [x, b.axes(axes)], { attributes: { keepdims: int(0) } })
const epsilonOf = (node: Node): number => floatAttribute(node, 'epsilon', 1e-5)
const inverse = (b: GraphBuilder, node: Node, variance: string): string =>
  b.node('Reciprocal', [b.node('Sqrt', [b.node('Add', [variance, b.scalar(epsilonOf(node))])])])

/** Rows of `x` [rows, values] scaled and shifted, a number each: (x − mean)·scale + shift. */
type Rows = { readonly scale: string; readonly shift?: string; readonly mean?: string }
function scaledRows(b: GraphBuilder, x: string, { scale, shift, mean }: Rows): string {
  const [rows = 0, values = 0] = fixedShape(b, x)
  const none = vector(b, 0, rows)
  const channels = [scale, shift ?? none, mean ?? none].map((each) => reshaped(b, each, [rows]))
  const made = b.node('BatchNormalization', [reshaped(b, x, [1, rows, values]), ...channels, vector(b, 1, rows)], {
    attributes: { epsilon: float(0) },
  })
  return reshaped(b, made, [rows, values])
}

/** x̂ and InvStdDev of the rows of `x` [rows, values]: LayerNormalization computes both at once. */
function standardRows(b: GraphBuilder, x: string, epsilon: number): readonly [standard: string, inv: string] {
  const ones = vector(b, 1, Number(b.shape(x)[1]))
  const outputs = b.several('LayerNormalization', [x, ones], { outputs: 3, attributes: { epsilon: float(epsilon) } })
  return [outputs[0] ?? '', outputs[2] ?? '']
}

/** Statistics that the node names are used; else they are computed once more. Errors: WR_GRAPH_REFUSED where the loss depends on them. */
const layer: GradientRule = (node, [dy, ...ofStatistics], b) => {
  if (ofStatistics.some((gradient) => gradient !== undefined))
    throw refused('the statistics of LayerNormalization cannot be differentiated')
  if (dy === undefined) return []
  const [x, scale, bias] = [inputOf(node, 0), inputOf(node, 1), node.inputs[2] ?? '']
  const shape = fixedShape(b, x)
  const axis = (intAttribute(node, 'axis', -1) + shape.length) % shape.length
  const extents = shape.slice(axis)
  if (b.shape(scale).join() !== extents.join())
    throw refused(`LayerNormalization over [${extents.join(', ')}] is differentiated with a scale of that shape`)
  const flat = [sizeOf(shape.slice(0, axis)), sizeOf(extents)]
  const [rows, flow] = [reshaped(b, x, flat), reshaped(b, dy, flat)]
  const [, mean = '', named = ''] = node.outputs
  const [standard, inv] =
    mean === '' || named === ''
      ? standardRows(b, rows, epsilonOf(node))
      : [scaledRows(b, rows, { scale: named, mean }), named]
  const weights = reshaped(b, scale, flat.slice(1))
  const moved = b.node('Mul', [flow, standard])
  const [first, second] = [b.node('Mul', [flow, weights]), b.node('Mul', [moved, weights])]
  const [shift, slope] = [first, second].map((each) => b.node('ReduceMean', [each, b.axes([1])]))
  const rest = b.node('Sub', [first, scaledRows(b, standard, { scale: slope ?? '', shift: shift ?? '' })])
  const dx = reshaped(b, b.node('Mul', [rest, reshaped(b, inv, [flat[0] ?? 0, 1])]), shape)
  const dScale = reshaped(b, summed(b, moved, [0]), extents)
  return bias === '' ? [dx, dScale] : [dx, dScale, unbroadcast(b, dy, b.shape(bias))]
}

/**
 * Channels of each example, so many groups of them: each group is a row. `groups` is undefined where every channel is one. What the node names besides its
 * output, x̂ and InvStdDev of the rows, is used; else they are computed once more.
 */
const grouped =
  (groupsOf: (node: Node) => number | undefined): SingleRule =>
  (node, dy, b) => {
    const [x, scale] = [inputOf(node, 0), inputOf(node, 1)]
    const shape = fixedShape(b, x)
    const [batch = 0, channels = 0, ...spatial] = shape
    const groups = groupsOf(node) ?? channels
    const [rows, inGroup, values] = [batch * groups, channels / groups, sizeOf(spatial)]
    const perChannel = [batch, channels, values]
    const flow = reshaped(b, dy, perChannel)
    const flat = [rows, inGroup * values]
    const [, found = '', foundInv = ''] = node.outputs
    const [standard, inv] =
      foundInv === '' ? standardRows(b, reshaped(b, x, flat), epsilonOf(node)) : [reshaped(b, found, flat), foundInv]
    const moved = b.node('Mul', [flow, reshaped(b, standard, perChannel)])
    const share = b.node('Mul', [reshaped(b, inv, [rows, 1]), b.scalar(1 / (inGroup * values))])
    const sums = [summed(b, flow, [2]), summed(b, moved, [2])]
    const [shift = '', slope = ''] = sums.map((sum) => {
      const weighted = reshaped(b, b.node('Mul', [sum, scale]), [rows, inGroup])
      return b.node('Mul', [b.node('ReduceSum', [weighted, b.axes([1])]), share])
    })
    const straight = b.node('Mul', [reshaped(b, inv, [batch, groups, 1]), reshaped(b, scale, [1, groups, inGroup])])
    const first = b.node('Mul', [flow, reshaped(b, straight, [batch, channels, 1])])
    const rest = reshaped(b, scaledRows(b, standard, { scale: slope, shift }), perChannel)
    const [dBias, dScale] = sums.map((sum) => summed(b, sum, [0]))
    return [reshaped(b, b.node('Sub', [first, rest]), shape), dScale, dBias]
  }

/** Mean and variance of a batch: with a momentum of 0 they are what the node itself puts out. */
function batchStatistics(node: Node, b: GraphBuilder): readonly [mean: string, variance: string] {
  const [, mean = '', variance = ''] = node.outputs
  if (floatAttribute(node, 'momentum', 0.9) === 0 && mean !== '' && variance !== '') return [mean, variance]
  const operands = [...node.inputs.slice(0, 3), ...scratch(b, node.inputs.slice(3))]
  const [, found = '', spread = ''] = b.several('BatchNormalization', operands, {
    outputs: 3,
    attributes: { training_mode: int(1), momentum: float(0) },
  })
  return [found, spread]
}

/** A value for each channel, to be broadcast against `like` [batch, channels, …]. */
const perChannel = (b: GraphBuilder, x: string, like: string): string =>
  reshaped(
    b,
    x,
    b.shape(like).flatMap((_, axis) => (axis === 0 ? [] : [axis === 1 ? -1 : 1])),
  )

type Sums = { readonly bias: string; readonly scale: string; readonly inv: string }

/** Σ dy and Σ dy∘x̂ over everything but channels. x̂ is not made: inv·(Σ dy∘x − mean·Σ dy). */
function channelSums(
  b: GraphBuilder,
  { node, dy, mean, variance }: { node: Node; dy: string; mean: string; variance: string },
): Sums {
  const axes = b.shape(dy).flatMap((_, axis) => (axis === 1 ? [] : [axis]))
  const [inv, bias] = [inverse(b, node, variance), summed(b, dy, axes)]
  const raw = summed(b, b.node('Mul', [dy, inputOf(node, 0)]), axes)
  return { inv, bias, scale: b.node('Mul', [b.node('Sub', [raw, b.node('Mul', [mean, bias])]), inv]) }
}

/** No gradient flows through running statistics, as with PyTorch. */
const batch: SingleRule = (node, dy, b) => {
  const [x, scale] = [inputOf(node, 0), inputOf(node, 1)]
  const [mean, variance] = isTraining(node) ? batchStatistics(node, b) : [inputOf(node, 3), inputOf(node, 4)]
  const sums = channelSums(b, { node, dy, mean, variance })
  const slope = perChannel(b, b.node('Mul', [scale, sums.inv]), x)
  if (!isTraining(node)) return [b.node('Mul', [dy, slope]), sums.scale, sums.bias]
  const count = b.scalar(sizeOf(fixedShape(b, x).toSpliced(1, 1)))
  const [shift, tilt] = [b.node('Div', [sums.bias, count]), b.node('Div', [sums.scale, count])]
  // x̂·tilt + shift, in one pass.
  const rest = b.node('BatchNormalization', [x, tilt, shift, mean, variance], {
    attributes: { epsilon: float(epsilonOf(node)) },
  })
  return [b.node('Mul', [b.node('Sub', [dy, rest]), slope]), sums.scale, sums.bias]
}

/** y = x/‖x‖: dx = (dy − ‖x‖′·Σ dy∘y)/‖x‖, with ‖x‖′ = sign(x) or y. Zeros, which stay zeros, get none. */
const length: SingleRule = (node, dy, b) => {
  const [x, y] = [inputOf(node, 0), outputOf(node)]
  const axes = b.axes([intAttribute(node, 'axis', -1)])
  const isFirst = intAttribute(node, 'p', 2) === 1
  const norm = b.node(isFirst ? 'ReduceL1' : 'ReduceL2', [x, axes])
  const along = b.node('ReduceSum', [b.node('Mul', [dy, y]), axes])
  const sideways = b.node('Sub', [dy, b.node('Mul', [isFirst ? b.node('Sign', [x]) : y, along])])
  const isZero = b.node('Equal', [norm, b.scalar(0)])
  return [b.node('Where', [isZero, b.scalar(0), b.node('Div', [sideways, norm])])]
}

export const normalizationGradients: Readonly<Record<string, GradientRule>> = {
  LayerNormalization: layer,
  ...ofFirstOutput({
    InstanceNormalization: grouped(() => undefined),
    GroupNormalization: grouped((node) => intAttribute(node, 'num_groups', 1)),
    BatchNormalization: batch,
    LpNormalization: length,
  }),
}
