/** A random use of an operator as a graph. */
import { type GraphBuilder, graphBuilder } from '../builder.ts'
import { numbers, range, toTensor, type Values } from '../interpreter/values.ts'
import type { Case } from './draws.ts'

/** A graph of the one node: its operands are called x0, x1, … and its outputs y0, y1, … */
export function graphOf({ op, operands, attributes, outputs = 1, unnamed = [] }: Case): {
  b: GraphBuilder
  names: readonly string[]
  ys: readonly string[]
  feeds: Values
} {
  const b = graphBuilder()
  const names = operands.map((operand, index) => {
    if (operand === undefined) return ''
    const [name, { value, constant }] = [`x${index}`, operand]
    return constant === true
      ? b.initializer(toTensor(name, value))
      : b.input({ name, type: value.type, shape: value.shape })
  })
  const fed = operands.flatMap((operand, index) =>
    operand === undefined || operand.constant === true ? [] : [[`x${index}`, operand.value] as const],
  )
  const called = range(outputs).map((index) => (unnamed.includes(index) ? '' : `y${index}`))
  const ys = b.several(op, names, { attributes, outputs: called }).filter((y) => y !== '')
  return { b, names, ys, feeds: Object.fromEntries(fed) }
}

/** The operands that a gradient flows to: numbers that are not constants. */
export const differentiable = ({ operands }: Case): readonly boolean[] =>
  operands.map((operand) => {
    if (operand === undefined || operand.constant === true || operand.still === true) return false
    return operand.value.type === 'float32' && numbers(operand.value).data.length > 0
  })
