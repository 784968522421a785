/** Convolutions over one to three axes, their transposes, and depthwise ones. Weights are laid out as ONNX and PyTorch have them. */
import type { LoraSpec, SpecOf } from '../../study/layers.ts'
import { sizeOf } from '../../weights.ts'
import { int, ints } from '../ir.ts'
import { coveredExtents, reach } from '../windows.ts'
import { appendActivation } from './activation.ts'
import { adapted } from './adapter.ts'
import { glorot, kernel, type Layer, misfit, type Place, parameter } from './layer.ts'
import { perAxis, spatialExtents, windowAttributes, windowsFor } from './windowed.ts'

type Told = Pick<
  SpecOf<'conv1d'> | SpecOf<'conv2d'> | SpecOf<'conv3d'>,
  'kernel' | 'strides' | 'dilation' | 'padding' | 'bias' | 'activation'
>
export type Sizes = {
  readonly filters: number
  readonly groups: number
  readonly axes: number
  readonly lora?: LoraSpec | undefined
}

/** `NAME.kernel` [filters, channels / groups, …kernel] and `NAME.bias` [filters]. Errors: WR_STUDY_INVALID. */
export function convolutionLayer(told: Told, place: Place, { filters, groups, axes, lora }: Sizes): Layer {
  const { channels, extents } = spatialExtents(place, axes)
  const { name } = place
  if (channels % groups !== 0 || filters % groups !== 0)
    throw misfit('model.layers', `${name}: ${groups} groups do not divide ${channels} channels and ${filters} filters`)
  const windows = windowsFor(place, extents, told)
  const places = sizeOf(windows.kernel)
  const inGroup = channels / groups
  const biases = told.bias ? [parameter(`${name}.bias`, [filters], 0)] : []
  const own = kernel(
    `${name}.kernel`,
    [filters, inGroup, ...windows.kernel],
    glorot(inGroup * places, filters * places),
  )
  const adapter = adapted(name, [own, ...biases], lora)
  const attributes = { ...windowAttributes(windows), ...(groups > 1 ? { group: int(groups) } : {}) }
  return {
    name,
    output: [filters, ...windows.counts],
    weights: adapter.weights,
    draws: [],
    append(b, x) {
      const inputs = [x, adapter.kernel(b), ...biases.map((bias) => bias.name)]
      return appendActivation(b, b.node('Conv', inputs, { attributes }), told.activation)
    },
  }
}

/** So many outputs for each channel. */
export function depthwiseLayer(told: Told, place: Place, { each, axes }: { each: number; axes: number }): Layer {
  const { channels } = spatialExtents(place, axes)
  return convolutionLayer(told, place, { filters: channels * each, groups: channels, axes })
}

/** `NAME.kernel` [channels, filters, …kernel] and `NAME.bias` [filters]. `same`: each extent times its stride. Errors: WR_STUDY_INVALID. */
export function transposedLayer(told: Told, place: Place, { filters, axes }: Pick<Sizes, 'filters' | 'axes'>): Layer {
  const { channels, extents } = spatialExtents(place, axes)
  const { name } = place
  const shape = {
    kernel: perAxis(told.kernel, axes),
    strides: perAxis(told.strides, axes),
    dilations: perAxis(told.dilation, axes),
  }
  const axesOf = extents.map((_, axis) => {
    const [stride, size] = [shape.strides[axis] ?? 1, reach(shape, axis)]
    if (told.padding === 'valid') return { begin: 0, end: 0, more: 0 }
    const each = told.padding === 'same' ? undefined : (perAxis(told.padding, axes)[axis] ?? 0)
    if (each !== undefined) return { begin: each, end: each, more: 0 }
    const cut = Math.max(0, size - stride)
    return { begin: cut >> 1, end: cut - (cut >> 1), more: Math.max(0, stride - size) }
  })
  const windows = { ...shape, begins: axesOf.map(({ begin }) => begin), ends: axesOf.map(({ end }) => end) }
  const more = axesOf.map((axis) => axis.more)
  const output = coveredExtents(windows, extents).map((extent, axis) => extent + (more[axis] ?? 0))
  if (output.some((extent) => extent < 1)) throw misfit('model.layers', `${name} makes [${output.join(', ')}]`)
  const places = sizeOf(shape.kernel)
  const attributes = {
    ...windowAttributes(windows),
    ...(more.some((zeros) => zeros > 0) ? { output_padding: ints(more) } : {}),
  }
  const names = [`${name}.kernel`, ...(told.bias ? [`${name}.bias`] : [])]
  return {
    name,
    output: [filters, ...output],
    weights: [
      kernel(`${name}.kernel`, [channels, filters, ...shape.kernel], glorot(channels * places, filters * places)),
      ...(told.bias ? [parameter(`${name}.bias`, [filters], 0)] : []),
    ],
    draws: [],
    append: (b, x) => appendActivation(b, b.node('ConvTranspose', [x, ...names], { attributes }), told.activation),
  }
}
