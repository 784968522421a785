/** Random uses of operators that make values out of shapes, counts and places alone. None has a gradient. */

import { float32, toTensor, type Value } from '../../interpreter/values.ts'
import type { Attribute } from '../../ir.ts'
import { int } from '../../ir.ts'
import {
  between,
  constant,
  either,
  floats,
  integersOf,
  oneOf,
  plain,
  shapeOf,
  signed,
  sizeOf,
  whole,
} from '../draws.ts'
import type { Cases, Maker } from './maker.ts'

const shape: Maker = (g) => ({
  ...plain(floats(g, shapeOf(g))),
  attributes: {
    ...(either(g) ? {} : { start: int(between(g, -5, 5)) }),
    ...(either(g) ? {} : { end: int(between(g, -5, 5)) }),
  },
})

const constantOfShape: Maker = (g) => {
  const value = oneOf(g, [floats(g, [1]), whole(g, [1], 'int32')] as const)
  const attribute: Attribute = { kind: 'tensor', value: toTensor('value', value) }
  return { operands: [constant(shapeOf(g))], attributes: either(g) ? {} : { value: attribute } }
}

const range: Maker = (g) => {
  const type = oneOf(g, ['int64', 'float32'] as const)
  const unit = type === 'int64' ? 1 : 1 / 4
  const step = oneOf(g, [-3, -1, 1, 2])
  const values = [between(g, -5, 5), between(g, -5, 5), step].map((value) => value * unit)
  return {
    operands: values.map((value) => ({ value: { type, shape: [], data: [value] }, constant: true })),
    attributes: {},
  }
}

/** Indices outside are at no place. */
const oneHot: Maker = (g) => {
  const at = shapeOf(g, { least: 1, most: 3 })
  const depth = between(g, 1, 3)
  const indices: Value = { type: 'int64', shape: at, data: integersOf(g, sizeOf(at), { min: -5, max: 5 }) }
  const axis = signed(g, between(g, 0, at.length), at.length + 1)
  const count: Value = { type: 'int64', shape: either(g) ? [] : [1], data: [depth] }
  return {
    operands: [{ value: indices }, { value: count, constant: true }, { value: float32([2], [0.25, 3]) }],
    attributes: either(g) ? {} : { axis: int(axis) },
  }
}

export const fillingCases: Cases = {
  operators: { Shape: shape, ConstantOfShape: constantOfShape, Range: range, OneHot: oneHot },
  gradients: {},
}
