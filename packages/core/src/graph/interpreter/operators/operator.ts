/** What an operator of the reference interpreter is. */
import type { Node } from '../../ir.ts'
import { numbers, type Value } from '../values.ts'

export type Inputs = readonly (Value | undefined)[]
/** Its output; of an operator with several, each in order. */
export type Operator = (node: Node, inputs: Inputs) => Value | readonly Value[]
export type Operators = Readonly<Record<string, Operator>>

export function input(inputs: Inputs, index: number): Value {
  const value = inputs[index]
  if (value === undefined) throw new TypeError(`input ${index + 1} is missing`)
  return value
}

export const unary =
  (f: (x: number) => number): Operator =>
  (_, inputs) => {
    const x = numbers(input(inputs, 0))
    return { ...x, data: x.data.map(f) }
  }

/** `axis` counted from the front. */
export const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

export const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)

/** Axes of the optional second input. */
export const axesOf = (inputs: Inputs, rank: number): readonly number[] | undefined =>
  inputs[1] && numbers(inputs[1]).data.map((axis) => positive(axis, rank))
