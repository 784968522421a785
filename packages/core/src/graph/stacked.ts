/** A node done for all steps at once: what differs from step to step has an axis of steps in front. */
import type { GraphBuilder } from './builder.ts'
import { int, intAttribute, type Node } from './ir.ts'

/** Appends the node, whose inputs are now called `inputs`, to the graph around the steps. */
export type Stacked = (outer: GraphBuilder, inputs: readonly string[], name?: string) => string

/** What is known of a step: shapes, constants, and what differs from step to step. */
export type Body = Pick<GraphBuilder, 'shape' | 'constant'> & { isStacked(name: string): boolean }

/** Each value is made of those in its place alone, by arithmetic that IEEE 754 fixes, so that neighbours cannot change a bit. */
const exact: ReadonlySet<string> = new Set([
  ...['Add', 'Sub', 'Mul', 'Div', 'Sqrt', 'Tanh', 'Neg', 'Abs', 'Relu', 'Cast', 'Where'],
  ...['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'And', 'Or', 'Not'],
])
/** The same in all but the last bit, which may depend on where in a tensor a value is. */
const nearlyExact: ReadonlySet<string> = new Set(['Exp', 'Log', 'Pow', 'Sigmoid', 'Softplus'])
const reductions: ReadonlySet<string> = new Set(['ReduceMean', 'ReduceSum'])
const softmaxes: ReadonlySet<string> = new Set(['Softmax', 'LogSoftmax'])

/** undefined where that is another operator's work, or a bit could change. */
export const exactlyStacked = (node: Node, body: Body): Stacked | undefined =>
  exact.has(node.op) ? inPlace(node, body) : moving[node.op]?.(node, body)

/** undefined where that is another operator's work. */
export function stacked(node: Node, body: Body): Stacked | undefined {
  if (nearlyExact.has(node.op)) return inPlace(node, body)
  if (reductions.has(node.op)) return reduced(node, body)
  if (softmaxes.has(node.op) && intAttribute(node, 'axis', -1) === -1) return as(node)
  return exactlyStacked(node, body)
}

const as =
  ({ op, attributes }: Node): Stacked =>
  (outer, inputs, name) =>
    outer.node(op, inputs, { attributes, ...(name === undefined ? {} : { name }) })

/** Axes are counted from behind when shapes are broadcast: all that is stacked must have as many, and the rest no more. */
function inPlace(node: Node, body: Body): Stacked | undefined {
  const rank = Math.max(...node.inputs.map((name) => body.shape(name).length))
  return node.inputs.every((name) => !body.isStacked(name) || body.shape(name).length === rank) ? as(node) : undefined
}

/** From a table that stays the same. */
function gathered(node: Node, body: Body): Stacked | undefined {
  const [table = '', indices = ''] = node.inputs
  const isFirst = intAttribute(node, 'axis', 0) === 0
  return isFirst && !body.isStacked(table) && body.isStacked(indices) ? as(node) : undefined
}

/** By counts that are known, with what is the same for every step. */
function padded({ op, inputs, attributes }: Node, body: Body): Stacked | undefined {
  const [, pads = '', ...rest] = inputs
  const given = body.constant(pads)
  if (given?.type !== 'int64' || attributes.mode !== undefined || rest.some(body.isStacked)) return undefined
  const counts = [...given.data].map(Number)
  const shifted = [0, ...counts.slice(0, counts.length / 2), 0, ...counts.slice(counts.length / 2)]
  return (outer, [x = '', , ...others]) => outer.node(op, [x, outer.axes(shifted), ...others])
}

const moving: Readonly<Record<string, typeof gathered>> = { Gather: gathered, Pad: padded }

function reduced({ op, inputs, attributes }: Node, body: Body): Stacked | undefined {
  const [x = '', given] = inputs
  const axes = given === undefined ? undefined : body.constant(given)
  if (given !== undefined && axes?.type !== 'int64') return undefined
  const rank = body.shape(x).length
  if (rank === 0) return undefined
  const own = axes?.type === 'int64' ? [...axes.data].map(Number) : body.shape(x).map((_, axis) => axis)
  const shifted = own.map((axis) => (axis < 0 ? axis : axis + 1))
  return (outer, [value = ''], name) =>
    outer.node(op, [value, outer.axes(shifted)], {
      attributes: { ...attributes, noop_with_empty_axes: int(0) },
      ...(name === undefined ? {} : { name }),
    })
}
