/** Normalisations, each as its document defines it. */
import { floatAttribute, intAttribute, type Node } from '../../ir.ts'
import { at, build, type NumberValue, numbers, type Place, places } from '../values.ts'
import { type Inputs, input, type Operator, type Operators, positive, total } from './operator.ts'

type Statistics = { readonly mean: number; readonly variance: number }

const mean = (values: readonly number[]): number => total(values) / values.length
const statisticsOf = (values: readonly number[]): Statistics => {
  const centre = mean(values)
  return { mean: centre, variance: mean(values.map((value) => (value - centre) ** 2)) }
}

/** Of the elements that have the same key. */
function grouped(x: NumberValue, key: (place: Place) => string): (place: Place) => Statistics {
  const values = new Map<string, number[]>()
  for (const place of places(x.shape)) {
    const name = key(place)
    const all = values.get(name) ?? []
    all.push(at(x, place))
    values.set(name, all)
  }
  const found = new Map([...values].map(([name, all]) => [name, statisticsOf(all)]))
  return (place) => found.get(key(place)) ?? { mean: Number.NaN, variance: Number.NaN }
}

const inverse = (node: Node, { variance }: Statistics): number =>
  1 / Math.sqrt(variance + floatAttribute(node, 'epsilon', 1e-5))

const layer: Operator = (node, inputs) => {
  const [x, scale] = [numbers(input(inputs, 0)), numbers(input(inputs, 1))]
  const axis = positive(intAttribute(node, 'axis', -1), x.shape.length)
  const statistics = grouped(x, (place) => place.slice(0, axis).join())
  const kept = x.shape.map((extent, place) => (place < axis ? extent : 1))
  return [
    build(x.type, x.shape, (place) => {
      const standard = (at(x, place) - statistics(place).mean) * inverse(node, statistics(place))
      return standard * at(scale, place) + (inputs[2] === undefined ? 0 : at(inputs[2], place))
    }),
    build(x.type, kept, (place) => statistics(place).mean),
    build(x.type, kept, (place) => inverse(node, statistics(place))),
  ]
}

/** scale · (x − mean) / √(variance + ε) + bias, the first and the last one for each channel. */
function scaled(node: Node, inputs: Inputs, statistics: (place: Place) => Statistics): NumberValue {
  const [x, scale, bias] = [numbers(input(inputs, 0)), input(inputs, 1), input(inputs, 2)]
  return build(x.type, x.shape, (place) => {
    const channel = [place[1] ?? 0]
    const found = statistics(place)
    return at(scale, channel) * (at(x, place) - found.mean) * inverse(node, found) + at(bias, channel)
  })
}

const instance: Operator = (node, inputs) =>
  scaled(
    node,
    inputs,
    grouped(numbers(input(inputs, 0)), (place) => place.slice(0, 2).join()),
  )

const group: Operator = (node, inputs) => {
  const x = numbers(input(inputs, 0))
  const inGroup = (x.shape[1] ?? 0) / intAttribute(node, 'num_groups', 0)
  const key = ([example = 0, channel = 0]: Place): string => `${example}, ${Math.floor(channel / inGroup)}`
  return scaled(node, inputs, grouped(x, key))
}

const batch: Operator = (node, inputs) => {
  const [x, runningMean, runningVariance] = [numbers(input(inputs, 0)), input(inputs, 3), input(inputs, 4)]
  if (intAttribute(node, 'training_mode', 0) === 0)
    return scaled(node, inputs, ([, channel = 0]) => ({
      mean: at(runningMean, [channel]),
      variance: at(runningVariance, [channel]),
    }))
  const current = grouped(x, ([, channel]) => String(channel))
  const momentum = floatAttribute(node, 'momentum', 0.9)
  const moved = (before: typeof runningMean, name: keyof Statistics): NumberValue =>
    build(x.type, before.shape, ([channel = 0]) => {
      return at(before, [channel]) * momentum + current([0, channel])[name] * (1 - momentum)
    })
  return [scaled(node, inputs, current), moved(runningMean, 'mean'), moved(runningVariance, 'variance')]
}

/** Zeros stay zeros. */
const length: Operator = (node, inputs) => {
  const x = numbers(input(inputs, 0))
  const axis = positive(intAttribute(node, 'axis', -1), x.shape.length)
  const isFirst = intAttribute(node, 'p', 2) === 1
  return build(x.type, x.shape, (place) => {
    const row = Array.from({ length: x.shape[axis] ?? 0 }, (_, index) => at(x, place.with(axis, index)))
    const norm = isFirst ? total(row.map(Math.abs)) : Math.hypot(...row)
    return norm === 0 ? 0 : at(x, place) / norm
  })
}

export const normalizationOperators: Operators = {
  LayerNormalization: layer,
  InstanceNormalization: instance,
  GroupNormalization: group,
  BatchNormalization: batch,
  LpNormalization: length,
}
