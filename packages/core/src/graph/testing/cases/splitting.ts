/** Random uses of Split: into equal parts, of which the last may be smaller, or into given ones. */

import { range } from '../../interpreter/values.ts'
import { int } from '../../ir.ts'
import { between, constant, either, floats, shapeOf, signed } from '../draws.ts'
import type { Cases, Maker } from './maker.ts'

const split: Maker = (g) => {
  const shape = shapeOf(g, { least: 1, most: 3 })
  const axis = between(g, 0, shape.length - 1)
  const outputs = between(g, 1, 3)
  const named = axis === 0 && either(g) ? {} : { axis: int(signed(g, axis, shape.length)) }
  if (either(g)) {
    const sizes = range(outputs).map(() => between(g, 1, 3))
    const extent = sizes.reduce((sum, size) => sum + size, 0)
    return { operands: [{ value: floats(g, shape.with(axis, extent)) }, constant(sizes)], attributes: named, outputs }
  }
  // The last part has at least one element.
  const size = between(g, 1, 3)
  const extent = size * (outputs - 1) + between(g, 1, size)
  return {
    operands: [{ value: floats(g, shape.with(axis, extent)) }],
    attributes: { ...named, num_outputs: int(outputs) },
    outputs,
  }
}

export const splittingCases: Cases = { operators: { Split: split }, gradients: { Split: split } }
