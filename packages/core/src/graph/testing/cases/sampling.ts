/** Random uses of sampling at places: within the image and beside it, and not where two pixels are equally near. */
import { range } from '../../interpreter/values.ts'
import { int, text } from '../../ir.ts'
import { between, type Draw, either, floats, integersOf, type Made, oneOf, sizeOf } from '../draws.ts'
import type { Cases } from './maker.ts'

function gridSample(g: Draw): Made {
  const [batch, height, width] = [between(g, 1, 2), between(g, 1, 4), between(g, 1, 3)]
  const shape = [batch, between(g, 1, 2), between(g, 1, 4), between(g, 1, 4)]
  const gridShape = [batch, height, width, 2]
  // Odd 128ths of the image's half: exact in Float32, and never in the middle between pixels of at most four.
  const data = integersOf(g, sizeOf(gridShape), { min: -96, max: 96 }).map((value) => (2 * value + 1) / 128)
  const padding = range(2).map(() => either(g))
  return {
    operands: [{ value: floats(g, shape) }, { value: { type: 'float32', shape: gridShape, data } }],
    attributes: {
      ...(either(g) ? {} : { mode: text(oneOf(g, ['linear', 'nearest'] as const)) }),
      ...(padding[0] ? {} : { padding_mode: text(oneOf(g, ['zeros', 'border'] as const)) }),
      ...(padding[1] ? {} : { align_corners: int(between(g, 0, 1)) }),
    },
  }
}

export const samplingCases: Cases = { operators: { GridSample: gridSample }, gradients: {} }
