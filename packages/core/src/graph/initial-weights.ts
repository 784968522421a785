/** Where a model's weights start. */
import type { Random } from '../random.ts'
import type { ModelSpec } from '../study/model.ts'
import { startIn } from '../study/model-forms.ts'
import { sizeOf, type Weights } from '../weights.ts'
import type { Initial } from './layers/layer.ts'
import { type Inputs, networkOf, weightSpecs } from './network.ts'

export type InitialOptions = { readonly inputs: Inputs; readonly random: Random; readonly rangeLength: number }

/**
 * First values of layers, in model order, at most `rangeLength` at a time: what the study gives, and else what the layers say (kernels uniform, biases zero). Only exact
 * operations and a correctly rounded root, so that every machine gets the same bits.
 */
export function* initialRanges(
  model: ModelSpec,
  { inputs, random, rangeLength }: InitialOptions,
): Generator<{ readonly name: string; readonly values: Float32Array<ArrayBuffer> }> {
  // Nobody draws what is in a file.
  if ('onnx' in model) throw new TypeError('The first weights of a file are not drawn.')
  for (const { name, shape, initial } of networkOf(model, inputs).weights) {
    const given = startIn(model)[name]
    const size = sizeOf(shape)
    for (let start = 0; start < size; start += rangeLength) {
      const values = new Float32Array(Math.min(rangeLength, size - start))
      if (given !== undefined) values.set(given.slice(start, start + values.length))
      else fill(values, initial, random)
      yield { name, values }
    }
  }
}

export function fill(values: Float32Array, initial: Initial, random: Random): void {
  if ('constant' in initial) values.fill(initial.constant)
  else for (let i = 0; i < values.length; i++) values[i] = (2 * random.uniform() - 1) * initial.uniform
}

/** The same, whole. */
export function initialWeights(model: ModelSpec, inputs: Inputs, random: Random): Weights {
  const specs = new Map(weightSpecs(model, inputs).map(({ name, shape }) => [name, shape]))
  const whole = initialRanges(model, { inputs, random, rangeLength: Number.POSITIVE_INFINITY })
  return Array.from(whole, ({ name, values }) => ({ name, shape: specs.get(name) ?? [], data: values }))
}
