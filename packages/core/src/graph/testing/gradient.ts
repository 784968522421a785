/** A gradient rule on one use of its operator, and the derivative by differences that it must equal. */
import { gradientRules } from '../gradients/registry.ts'
import type { Graph } from '../ir.ts'
import { graphOf } from './cases.ts'
import type { Case } from './draws.ts'
import { run } from './reference.ts'
import { type NumberValue, numbers, range, type Values } from './values.ts'

export type Backward = {
  readonly forward: Graph
  /** Outputs, in order of `wanted`: the gradients of the operands that have one. Needs `dy` beside the operands. */
  readonly backward: Graph
  readonly y: string
  readonly feeds: Values
  /** What the rule answers for each operand; undefined where nothing flows. */
  readonly parts: readonly (string | undefined)[]
}

/** The graph that the rule of the case's operator appends to it. */
export function backwardOf(use: Case): Backward {
  const { b, y, feeds } = graphOf(use)
  const forward = b.build('forward', [y])
  const node = b.nodes().at(-1)
  const rule = Object.hasOwn(gradientRules, use.op) ? gradientRules[use.op] : undefined
  if (node === undefined || rule === undefined) throw new TypeError(`no rule for ${use.op}`)
  const dy = b.input({ name: 'dy', type: 'float32', shape: b.shape(y) })
  const parts = rule(node, dy, b)
  // Identity gives each part a name of its own: some are dy itself.
  const outputs = parts.map((part, index) => part && b.node('Identity', [part], { name: `dx${index}` }))
  const wanted = outputs.filter((name) => name !== undefined)
  return { forward, backward: b.build('backward', wanted), y, feeds, parts: outputs }
}

/** The step of the differences: their error is of the order of its fourth power. */
const step = 2 ** -10

/** d(Σ dy∘y)/dx by the five-point central difference (Abramowitz and Stegun 1964, 25.3.6), one element after another. */
export function differences({ forward, y, feeds }: Backward, name: string, dy: NumberValue): readonly number[] {
  const x = numbers(feeds[name] ?? dy)
  const loss = (element: number, shift: number): number => {
    const data = x.data.with(element, (x.data[element] ?? 0) + shift)
    const output = numbers(run(forward, { ...feeds, [name]: { ...x, data } })[y] ?? dy)
    return output.data.reduce((sum, value, index) => sum + value * (dy.data[index] ?? 0), 0)
  }
  return range(x.data.length).map(
    (element) =>
      (8 * (loss(element, step) - loss(element, -step)) - (loss(element, 2 * step) - loss(element, -2 * step))) /
      (12 * step),
  )
}
