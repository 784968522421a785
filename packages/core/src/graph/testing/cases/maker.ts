/** What a family of cases is: for each operator, how a random use of it is drawn. */

import type { NumberValue } from '../../interpreter/values.ts'
import { broadcastable, type Draw, floats, type Made, plain, shapeOf } from '../draws.ts'

export type Maker = (g: Draw) => Made
export type Cases = {
  /** For what an operator computes. */
  readonly operators: Readonly<Record<string, Maker>>
  /** For its gradient rule: away from kinks, and with what the rule accepts. */
  readonly gradients: Readonly<Record<string, Maker>>
}

export type Filling = (g: Draw, shape: readonly number[]) => NumberValue

/** The same kind of use for each of some operators. */
export const each = (ops: readonly string[], make: Maker): Readonly<Record<string, Maker>> =>
  Object.fromEntries(ops.map((op) => [op, make]))

export const unary =
  (fill: Filling = floats): Maker =>
  (g) =>
    plain(fill(g, shapeOf(g)))

export const binary =
  (first: Filling = floats, second: Filling = first): Maker =>
  (g) => {
    const [a = [], b = []] = broadcastable(g, 2)
    return plain(first(g, a), second(g, b))
  }
