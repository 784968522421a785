/** Larger images and series. */
import type { SpecOf } from '../../study/layers.ts'
import { text } from '../ir.ts'
import { type Layer, misfit, type Place } from './layer.ts'

/** Each extent but the channels' becomes so many times longer. */
export function upsampleLayer({ upsample: factor, interpolation }: SpecOf<'upsample'>, { name, input }: Place): Layer {
  const [channels = 0, ...extents] = input
  if (extents.length < 1 || extents.length > 3)
    throw misfit('model.layers', `${name} needs [channels, …] and gets [${input.join(', ')}]`)
  const isNearest = interpolation === 'nearest'
  const attributes = {
    mode: text(isNearest ? 'nearest' : 'linear'),
    coordinate_transformation_mode: text(isNearest ? 'asymmetric' : 'half_pixel'),
    ...(isNearest ? { nearest_mode: text('floor') } : {}),
  }
  return {
    name,
    output: [channels, ...extents.map((extent) => extent * factor)],
    weights: [],
    draws: [],
    append: (b, x) =>
      b.node('Resize', [x, '', b.table([extents.length + 2], [1, 1, ...extents.map(() => factor)])], { attributes }),
  }
}
