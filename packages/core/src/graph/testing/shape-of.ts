/** The shape that an operator gives its inputs, and the code with which it refuses them. */
import { type ErrorCode, WardroundError } from '../../errors.ts'
import { graphBuilder } from '../builder.ts'
import { toTensor, type Value } from '../interpreter/values.ts'
import type { Attribute, Shape } from '../ir.ts'

/** An input of a shape, a constant, or one that is left out. */
export type Given = Shape | Value | undefined
type Attributes = Readonly<Record<string, Attribute>>

export function shapeOf(op: string, inputs: readonly Given[], attributes: Attributes = {}): Shape {
  const b = graphBuilder()
  const names = inputs.map((given, index) => {
    const name = `x${index}`
    if (given === undefined) return ''
    return 'data' in given ? b.initializer(toTensor(name, given)) : b.input({ name, type: 'float32', shape: given })
  })
  return b.shape(b.node(op, names, { attributes }))
}

const failing =
  (code: ErrorCode) =>
  (op: string, inputs: readonly Given[], attributes: Attributes = {}): void => {
    const what = `${op} ${JSON.stringify([inputs, attributes])}`
    try {
      shapeOf(op, inputs, attributes)
    } catch (error) {
      if (error instanceof WardroundError && error.code === code) return
      throw new Error(what, { cause: error })
    }
    throw new Error(`${what} is taken`)
  }

export const assertInvalid = failing('WR_GRAPH_INVALID')
export const assertRefused = failing('WR_GRAPH_REFUSED')
