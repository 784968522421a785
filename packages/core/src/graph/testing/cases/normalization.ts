/** Random uses of normalisations. Values differ: where all are the same, what is divided by nearly nothing is rounding. */
import fc from 'fast-check'
import { type NumberValue, range } from '../../interpreter/values.ts'
import { type Attribute, float, int } from '../../ir.ts'
import {
  awayFromZero,
  between,
  type Draw,
  either,
  floats,
  type Operand,
  oneOf,
  plain,
  positive,
  shapeOf,
  signed,
  sizeOf,
} from '../draws.ts'
import type { Cases, Maker } from './maker.ts'

/** No two the same, and at least 1/2 apart. */
const spread = (g: Draw, shape: readonly number[]): NumberValue => {
  const all = range(sizeOf(shape))
  const shuffled = g(fc.shuffledSubarray<number>, [...all], { minLength: all.length })
  return { type: 'float32', shape, data: shuffled.map((index) => (index - all.length / 2) / 2) }
}

const epsilon = (g: Draw): Record<string, Attribute> => (either(g) ? {} : { epsilon: float(2 ** -between(g, 1, 12)) })

/** `free`: scale and bias of any shape that is broadcast to the input; else such as the gradient rule takes. */
const layer =
  ({ free }: { free: boolean }): Maker =>
  (g) => {
    const shape = [...shapeOf(g, { most: 2 }), between(g, 2, 4)]
    const axis = between(g, 0, shape.length - 1)
    const part = (): readonly number[] =>
      free && either(g)
        ? shape.slice(between(g, 0, shape.length)).map((extent) => (either(g) ? 1 : extent))
        : shape.slice(axis)
    const stretched = shape.slice(between(g, 0, shape.length)).map((extent) => (either(g) ? 1 : extent))
    const bias = either(g) ? [floats(g, either(g) ? part() : stretched)] : []
    return {
      ...plain(spread(g, shape), floats(g, part()), ...bias),
      outputs: oneOf(g, [1, 3]),
      flowing: 1,
      attributes: {
        ...epsilon(g),
        ...(axis === shape.length - 1 && either(g) ? {} : { axis: int(signed(g, axis, shape.length)) }),
        ...(either(g) ? { stash_type: int(1) } : {}),
      },
    }
  }

/** [batch, channels, …]. */
const imageOf = (g: Draw, channels: number): readonly number[] => [
  between(g, 1, 2),
  channels,
  ...range(between(g, 0, 2)).map(() => between(g, 1, 3)),
  between(g, 2, 3),
]

const instance: Maker = (g) => {
  const channels = between(g, 1, 3)
  const made = plain(spread(g, imageOf(g, channels)), floats(g, [channels]), floats(g, [channels]))
  return { ...made, attributes: epsilon(g) }
}

const group: Maker = (g) => {
  const groups = between(g, 1, 2)
  const channels = groups * between(g, 1, 2)
  const made = plain(spread(g, imageOf(g, channels)), floats(g, [channels]), floats(g, [channels]))
  return { ...made, attributes: { ...epsilon(g), num_groups: int(groups) } }
}

const batch: Maker = (g) => {
  const channels = between(g, 1, 3)
  const shape = either(g) ? [between(g, 2, 4), channels] : imageOf(g, channels)
  const statistic = (value: NumberValue): Operand => ({ value, still: true })
  const training = either(g)
  return {
    operands: [
      { value: spread(g, shape) },
      { value: floats(g, [channels]) },
      { value: floats(g, [channels]) },
      statistic(floats(g, [channels])),
      statistic(positive(g, [channels])),
    ],
    outputs: training ? 3 : 1,
    flowing: 1,
    attributes: {
      ...epsilon(g),
      ...(training ? { training_mode: int(1) } : {}),
      ...(either(g) ? { momentum: float(oneOf(g, [0, 0.75])) } : {}),
    },
  }
}

const length =
  (fill: typeof spread): Maker =>
  (g) => {
    const shape = shapeOf(g, { least: 1 })
    const axis = between(g, 0, shape.length - 1)
    return {
      ...plain(fill(g, shape)),
      attributes: {
        ...(axis === shape.length - 1 && either(g) ? {} : { axis: int(signed(g, axis, shape.length)) }),
        ...(either(g) ? { p: int(between(g, 1, 2)) } : {}),
      },
    }
  }

/** At times zeros alone. */
const withZeros = (g: Draw, shape: readonly number[]): NumberValue => {
  const value = spread(g, shape)
  return either(g) && either(g) ? { ...value, data: value.data.map(() => 0) } : value
}
const common: Cases['operators'] = {
  InstanceNormalization: instance,
  GroupNormalization: group,
  BatchNormalization: batch,
}

export const normalizationCases: Cases = {
  operators: { ...common, LayerNormalization: layer({ free: true }), LpNormalization: length(withZeros) },
  gradients: { ...common, LayerNormalization: layer({ free: false }), LpNormalization: length(awayFromZero) },
}
