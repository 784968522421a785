/** What convolutions and poolings are told about their windows, worked out for the extents that come in. */
import { type Attribute, ints } from '../ir.ts'
import { reach, type Windows, windowCounts } from '../windows.ts'
import { type Extents, misfit, type Place } from './layer.ts'

export type PerAxis = number | readonly number[]
type Padding = 'valid' | 'same' | PerAxis

/** One entry for each axis. */
export const perAxis = (value: PerAxis, axes: number): readonly number[] =>
  typeof value === 'number' ? Array.from({ length: axes }, () => value) : value

type Told = {
  readonly kernel: PerAxis
  readonly strides: PerAxis
  readonly dilation?: PerAxis
  readonly padding: Padding
}

/** [channels, …spatial extents] with so many of the latter. Errors: WR_STUDY_INVALID. */
export function spatialExtents({ name, input }: Place, axes: number): { channels: number; extents: Extents } {
  const [channels, ...extents] = input
  if (channels === undefined || extents.length !== axes) {
    const wanted = ['channels', ...['depth', 'height', 'width'].slice(-axes)]
    throw misfit('model.layers', `${name} needs [${wanted.join(', ')}] and gets [${input.join(', ')}]`)
  }
  return { channels, extents }
}

/** `same` is TensorFlow's: as many windows as strides fit, and the odd one of the zeros behind. Errors: WR_STUDY_INVALID where no window fits. */
export function windowsFor(place: Place, extents: Extents, told: Told): Windows & { readonly counts: Extents } {
  const axes = extents.length
  const shape = {
    kernel: perAxis(told.kernel, axes),
    strides: perAxis(told.strides, axes),
    dilations: perAxis(told.dilation ?? 1, axes),
  }
  const zeros = extents.map((extent, axis): readonly [number, number] => {
    if (told.padding === 'valid') return [0, 0]
    if (told.padding !== 'same') {
      const each = perAxis(told.padding, axes)[axis] ?? 0
      return [each, each]
    }
    const stride = shape.strides[axis] ?? 1
    const all = Math.max(0, (Math.ceil(extent / stride) - 1) * stride + reach(shape, axis) - extent)
    return [all >> 1, all - (all >> 1)]
  })
  for (const [axis, extent] of extents.entries()) {
    const [begin = 0, end = 0] = zeros[axis] ?? []
    if (extent + begin + end < reach(shape, axis))
      throw misfit('model.layers', `${place.name}: a window of ${reach(shape, axis)} does not fit into ${extent}`)
  }
  const windows = { ...shape, begins: zeros.map(([begin]) => begin), ends: zeros.map(([, end]) => end) }
  return { ...windows, counts: windowCounts(windows, extents) }
}

/** What differs from ONNX's own. */
export const windowAttributes = ({ kernel, strides, dilations, begins, ends }: Windows): Record<string, Attribute> => ({
  kernel_shape: ints(kernel),
  ...(strides.some((stride) => stride > 1) ? { strides: ints(strides) } : {}),
  ...(dilations.some((dilation) => dilation > 1) ? { dilations: ints(dilations) } : {}),
  ...([...begins, ...ends].some((zeros) => zeros > 0) ? { pads: ints([...begins, ...ends]) } : {}),
})
