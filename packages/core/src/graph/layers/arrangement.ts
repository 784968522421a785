/** Layers that only lay values out anew. */

import type { SpecOf } from '../../study/layers.ts'
import { sizeOf } from '../../weights.ts'
import { ints } from '../ir.ts'
import { type Extents, type Layer, misfit, type Place } from './layer.ts'

function arranged({ name, input }: Place, output: Extents): Layer {
  if (sizeOf(input) !== sizeOf(output))
    throw misfit('model.layers', `${name}: [${input.join(', ')}] cannot become [${output.join(', ')}]`)
  return {
    name,
    output,
    weights: [],
    draws: [],
    // 0 copies the batch.
    append: (b, x) => (input.join() === output.join() ? x : b.node('Reshape', [x, b.axes([0, ...output])])),
  }
}

export const flattenLayer = (place: Place): Layer => arranged(place, [sizeOf(place.input)])

export const reshapeLayer = ({ reshape }: SpecOf<'reshape'>, place: Place): Layer => arranged(place, reshape)

export function permuteLayer({ permute }: SpecOf<'permute'>, { name, input }: Place): Layer {
  if (permute.toSorted((a, b) => a - b).join() !== input.map((_, axis) => axis + 1).join())
    throw misfit('model.layers', `${name}: [${permute.join(', ')}] is no order of ${input.length} axes`)
  return {
    name,
    output: permute.map((axis) => input[axis - 1] ?? 0),
    weights: [],
    draws: [],
    append: (b, x) => b.node('Transpose', [x], { attributes: { perm: ints([0, ...permute]) } }),
  }
}
