/** Random uses of what makes images larger or smaller. */

import { float32, range } from '../../interpreter/values.ts'
import { int, text } from '../../ir.ts'
import { between, constant, type Draw, either, floats, type Made, oneOf, plain } from '../draws.ts'
import type { Cases, Maker } from './maker.ts'

const transformations = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'] as const

/** To any size, by any scale: batch and channels stay. */
function linear(g: Draw): Made {
  const shape = [between(g, 1, 2), between(g, 1, 2), ...range(between(g, 1, 3)).map(() => between(g, 1, 3))]
  const scales = shape.map((extent, axis) => (axis < 2 || either(g) ? 1 : Math.max(1 / extent, between(g, 1, 10) / 4)))
  const sizes = shape.map((extent, axis) => (axis < 2 || either(g) ? extent : between(g, 1, 5)))
  return resized(g, { shape, scales, sizes, mode: 'linear' })
}

/** By factors that Float32 holds, of any axis. */
function nearest(g: Draw): Made {
  const isImage = either(g)
  const shape = isImage
    ? [2, 1, between(g, 1, 2), between(g, 1, 3)]
    : range(between(g, 1, 3)).map(() => between(g, 1, 3))
  const scales = shape.map((extent, axis) =>
    isImage && axis < 2 ? 1 : oneOf(g, extent === 1 ? [1, 2, 3] : [0.5, 1, 1.5, 2, 3]),
  )
  const sizes = shape.map((extent, axis) => (isImage && axis < 2 ? extent : extent * between(g, 1, 3)))
  return resized(g, { shape, scales, sizes, mode: 'nearest' })
}

type Drawn = {
  readonly shape: readonly number[]
  readonly scales: readonly number[]
  readonly sizes: readonly number[]
  readonly mode: string
}

/** A factor that leaves an axis as long as it is means different things to different readers. */
const plainScale = (scale: number, extent: number): number => (Math.floor(extent * scale) === extent ? 1 : scale)

function resized(g: Draw, { shape, scales: drawn, sizes, mode }: Drawn): Made {
  const scales = drawn.map((scale, axis) => plainScale(Math.fround(scale), shape[axis] ?? 1))
  const x = { value: floats(g, shape) }
  const by = { value: float32([scales.length], scales.map(Math.fround)), constant: true }
  const rounding = oneOf(g, ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'] as const)
  return {
    operands: either(g) ? [x, undefined, by] : [x, undefined, undefined, constant(sizes)],
    attributes: {
      ...(mode === 'nearest' && either(g) ? {} : { mode: text(mode) }),
      ...(mode === 'nearest' && either(g) ? { nearest_mode: text(rounding) } : {}),
      ...(either(g) && either(g) ? {} : { coordinate_transformation_mode: text(oneOf(g, transformations)) }),
    },
  }
}

const resize: Maker = (g) => (either(g) ? linear(g) : nearest(g))

const depthToSpace: Maker = (g) => {
  const size = between(g, 1, 2)
  const [channels, height, width] = [between(g, 1, 2) * size * size, between(g, 1, 3), between(g, 1, 2)]
  const mode = either(g) ? {} : { mode: text(oneOf(g, ['DCR', 'CRD'] as const)) }
  return {
    ...plain(floats(g, [between(g, 1, 2), channels, height, width])),
    attributes: { blocksize: int(size), ...mode },
  }
}

const spaceToDepth: Maker = (g) => {
  const size = between(g, 1, 2)
  const shape = [between(g, 1, 2), between(g, 1, 3), size * between(g, 1, 2), size * between(g, 1, 2)]
  return { ...plain(floats(g, shape)), attributes: { blocksize: int(size) } }
}

const all: Cases['operators'] = { Resize: resize, DepthToSpace: depthToSpace, SpaceToDepth: spaceToDepth }
export const resamplingCases: Cases = { operators: all, gradients: all }
