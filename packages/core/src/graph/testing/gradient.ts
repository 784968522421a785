/** A gradient rule on one use of its operator, and the derivative by differences that it must equal. */
import { gradientRules } from '../gradients/registry.ts'
import { run } from '../interpreter/interpret.ts'
import { total } from '../interpreter/operators/operator.ts'
import { type NumberValue, numbers, range, type Value, type Values } from '../interpreter/values.ts'
import type { Graph } from '../ir.ts'
import { type Case, type Draw, floats } from './draws.ts'
import { graphOf } from './uses.ts'

export type Backward = {
  readonly forward: Graph
  /** Outputs, in order of `wanted`: the gradients of the operands that have one. Needs those of `ys` beside the operands. */
  readonly backward: Graph
  /** The outputs through which a gradient flows, each with the name of its own. */
  readonly ys: readonly { readonly y: string; readonly dy: string }[]
  readonly feeds: Values
  /** What the rule answers for each operand; undefined where nothing flows. */
  readonly parts: readonly (string | undefined)[]
}

/** The graph that the rule of the case's operator appends to it. */
export function backwardOf(use: Case): Backward {
  const { b, ys: outputsOfNode, feeds } = graphOf(use)
  const ys = outputsOfNode
    .filter((y) => b.info(y).type === 'float32')
    .slice(0, use.flowing)
    .map((y) => ({ y, dy: `d${y}` }))
  const forward = b.build(
    'forward',
    ys.map(({ y }) => y),
  )
  const node = b.nodes().at(-1)
  const rule = Object.hasOwn(gradientRules, use.op) ? gradientRules[use.op] : undefined
  if (node === undefined || rule === undefined) throw new TypeError(`no rule for ${use.op}`)
  for (const { y, dy } of ys) b.input({ name: dy, type: 'float32', shape: b.shape(y) })
  const flowing = new Map(ys.map(({ y, dy }) => [y, dy]))
  const parts = rule(
    node,
    node.outputs.map((y) => flowing.get(y)),
    b,
  )
  // Identity gives each part a name of its own: some are dy itself.
  const named = parts.map((part, index) => part && b.node('Identity', [part], { name: `dx${index}` }))
  const wanted = named.filter((name) => name !== undefined)
  return { forward, backward: b.build('backward', wanted), ys, feeds, parts: named }
}

/** The step of the differences: their error is of the order of its fourth power. */
const step = 2 ** -10

/** Random gradients of the outputs, by their names. */
export const drawGradients = (g: Draw, { forward, ys, feeds }: Backward): Readonly<Record<string, NumberValue>> => {
  const made = run(forward, feeds)
  return Object.fromEntries(ys.map(({ y, dy }) => [dy, floats(g, made[y]?.shape ?? [])]))
}

/** d(Σ dy∘y)/dx by the five-point central difference (Abramowitz and Stegun 1964, 25.3.6), one element after another. */
export function differences(
  { forward, ys, feeds }: Backward,
  name: string,
  gradients: Readonly<Record<string, NumberValue>>,
): readonly number[] {
  const x = numbers(valueCalled(feeds, name))
  const loss = (element: number, shift: number): number => {
    const data = x.data.with(element, (x.data[element] ?? 0) + shift)
    const made = run(forward, { ...feeds, [name]: { ...x, data } })
    return total(
      ys.flatMap(({ y, dy }) => {
        const weights = numbers(valueCalled(gradients, dy)).data
        return numbers(valueCalled(made, y)).data.map((value, index) => value * (weights[index] ?? Number.NaN))
      }),
    )
  }
  return range(x.data.length).map(
    (element) =>
      (8 * (loss(element, step) - loss(element, -step)) - (loss(element, 2 * step) - loss(element, -2 * step))) /
      (12 * step),
  )
}

function valueCalled(values: Values, name: string): Value {
  const value = values[name]
  if (value === undefined) throw new TypeError(`there is no value ${name}`)
  return value
}
