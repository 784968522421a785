/** What a gradient rule is: from the gradient of a node's output to those of its inputs, as new nodes of the same graph. */
import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { int, type Node, type Shape } from '../ir.ts'

/**
 * The vector-Jacobian product of one operator. `gradients` names dL/d(output) for each output, which has the output's shape; undefined where the loss does
 * not depend on one, but not everywhere. The answer has one entry for each input, undefined where nothing flows (indices, conditions). Shapes are those of
 * the inputs.
 */
export type GradientRule = (node: Node, gradients: Parts, builder: GraphBuilder) => Parts
export type Parts = readonly (string | undefined)[]

/** The same for operators of which the first output alone has a gradient. */
export type SingleRule = (node: Node, gradient: string, builder: GraphBuilder) => Parts

export const ofFirstOutput = (rules: Readonly<Record<string, SingleRule>>): Readonly<Record<string, GradientRule>> =>
  Object.fromEntries(
    Object.entries(rules).map(([op, rule]) => [
      op,
      (node, [gradient], builder) => (gradient === undefined ? [] : rule(node, gradient, builder)),
    ]),
  )

/** Input `index` of a node that must have it. */
export const inputOf = (node: Node, index: number): string => node.inputs[index] ?? ''
export const outputOf = (node: Node): string => node.outputs[0] ?? ''

/** The extents of a value that a gradient is spread over: they must be known. Errors: WR_GRAPH_REFUSED. */
export function fixedShape(builder: GraphBuilder, name: string): readonly number[] {
  const shape = builder.shape(name)
  if (shape.some((extent) => typeof extent === 'string'))
    throw new WardroundError('WR_GRAPH_REFUSED', {
      problem: `a gradient over [${shape.join(', ')}] needs fixed extents`,
    })
  return shape.map(Number)
}

/** As many zeros as `like` has values, in its shape. */
export const zeros = (b: GraphBuilder, like: string): string =>
  b.node('Expand', [b.scalar(0), b.axes(fixedShape(b, like))])

/** Undoes broadcasting: sums `gradient` over the axes along which an operand of shape `shape` was repeated. */
export function unbroadcast(builder: GraphBuilder, gradient: string, shape: Shape): string {
  const from = builder.shape(gradient)
  const lead = from.length - shape.length
  const axes = from.flatMap((extent, axis) => (axis < lead || (shape[axis - lead] === 1 && extent !== 1) ? [axis] : []))
  if (axes.length === 0) return gradient
  if (axes.length === lead)
    return builder.node('ReduceSum', [gradient, builder.axes(axes)], { attributes: { keepdims: int(0) } })
  const summed = builder.node('ReduceSum', [gradient, builder.axes(axes)])
  if (lead === 0) return summed
  return builder.node('Squeeze', [summed, builder.axes(Array.from({ length: lead }, (_, axis) => axis))])
}
