/** Random uses of poolings: one to three axes, strides, holes, padding, and windows that reach beyond it. */

import { range } from '../../interpreter/values.ts'
import { type Attribute, int, ints, text } from '../../ir.ts'
import { between, type Draw, distinct, either, floats, type Made, plain } from '../draws.ts'
import type { Cases, Filling, Maker } from './maker.ts'

/** Padding is less than the kernel, holes are no wider than the input, and each extent is at least what one window reaches. */
function drawPooling(g: Draw): { extents: readonly number[]; attributes: Record<string, Attribute> } {
  const axes = between(g, 1, 3)
  const most = axes === 3 ? 2 : 3
  const kernel = range(axes).map(() => between(g, 1, most))
  const how = between(g, 0, 5)
  // ONNX Runtime does not work out padding around holes.
  const dilations = range(axes).map(() => (how < 2 ? 1 : between(g, 1, 2)))
  const strides = kernel.map((size) => between(g, 1, how < 2 ? size : 3))
  const extents = kernel.map((size, axis) => (size - 1) * (dilations[axis] ?? 1) + between(g, 1, most))
  const pads = [...kernel, ...kernel].map((size) => between(g, 0, size - 1))
  const padding: Record<string, Attribute> =
    how < 2
      ? { auto_pad: text(how === 0 ? 'SAME_UPPER' : 'SAME_LOWER') }
      : how === 2
        ? { auto_pad: text('VALID') }
        : either(g)
          ? { pads: ints(pads) }
          : {}
  const attributes = {
    kernel_shape: ints(kernel),
    ...(strides.every((stride) => stride === 1) && either(g) ? {} : { strides: ints(strides) }),
    ...(dilations.every((dilation) => dilation === 1) && either(g) ? {} : { dilations: ints(dilations) }),
    ...(either(g) ? {} : { ceil_mode: int(between(g, 0, 1)) }),
    ...padding,
  }
  return { extents, attributes: withPlainCeil(attributes, { extents, kernel, strides, dilations, pads }) }
}

type Geometry = Readonly<Record<'extents' | 'kernel' | 'strides' | 'dilations' | 'pads', readonly number[]>>

/** Without ceil_mode where a last window would see nothing but the padding behind: what that means, nobody agrees on. */
function withPlainCeil(
  { ceil_mode: mode, ...attributes }: Record<string, Attribute>,
  { extents, kernel, strides, dilations, pads }: Geometry,
): Record<string, Attribute> {
  const given = attributes.pads === undefined ? pads.map(() => 0) : pads
  const isIdle = extents.some((extent, axis) => {
    const [stride = 1, before = 0, behind = 0] = [strides[axis], given[axis], given[axis + extents.length]]
    const room = extent + before + behind - ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) - 1
    const next = (Math.floor(room / stride) + 1) * stride
    return room % stride > 0 && next >= extent + before && next < extent + before + behind
  })
  return mode === undefined || isIdle ? attributes : { ...attributes, ceil_mode: mode }
}

/** Windows side by side, at times with a rest that none covers. */
function drawTiles(g: Draw): ReturnType<typeof drawPooling> {
  const kernel = range(between(g, 1, 3)).map(() => between(g, 1, 2))
  const extents = kernel.map((size) => size * between(g, 1, 2) + between(g, 0, size - 1))
  return { extents, attributes: { kernel_shape: ints(kernel), strides: ints(kernel) } }
}

const pooled =
  (fill: Filling): Maker =>
  (g): Made => {
    const { extents, attributes } = either(g) && either(g) ? drawTiles(g) : drawPooling(g)
    return { ...plain(fill(g, [between(g, 1, 2), between(g, 1, 2), ...extents])), attributes }
  }

/** Few values, many of them equal. */
const tied: Filling = (g, shape) => {
  const value = floats(g, shape)
  return { ...value, data: value.data.map((x) => Math.max(0, Math.round(x))) }
}

const maxPool =
  (fill: Filling): Maker =>
  (g) => ({ ...pooled(fill)(g), ...(either(g) ? {} : { outputs: 2 }) })

const averagePool: Maker = (g) => {
  const made = pooled(floats)(g)
  return either(g) ? made : { ...made, attributes: { ...made.attributes, count_include_pad: int(between(g, 0, 1)) } }
}

const global =
  (fill: Filling): Maker =>
  (g) =>
    plain(
      fill(
        g,
        range(between(g, 3, 5)).map(() => between(g, 1, 3)),
      ),
    )

export const poolingCases: Cases = {
  operators: {
    MaxPool: maxPool(tied),
    AveragePool: averagePool,
    GlobalMaxPool: global(floats),
    GlobalAveragePool: global(floats),
  },
  gradients: {
    MaxPool: maxPool(distinct),
    AveragePool: averagePool,
    GlobalMaxPool: global(distinct),
    GlobalAveragePool: global(floats),
  },
}
