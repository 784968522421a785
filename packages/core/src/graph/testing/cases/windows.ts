/** Random uses of operators whose windows move over their input: one to three axes, strides, holes, padding, groups. */

import { range } from '../../interpreter/values.ts'
import { type Attribute, int, ints, text } from '../../ir.ts'
import { between, type Draw, either, floats, type Made } from '../draws.ts'
import type { Cases } from './maker.ts'

type Drawn = {
  readonly extents: readonly number[]
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly pads: readonly number[]
  readonly groups: number
  readonly channels: readonly [inGroup: number, outOfGroup: number]
}

/** Each extent is at least what one window reaches. */
function drawWindows(g: Draw): Drawn {
  const axes = between(g, 1, 3)
  const most = axes === 3 ? 2 : 3
  const kernel = range(axes).map(() => between(g, 1, most))
  const dilations = range(axes).map(() => between(g, 1, 2))
  const extents = range(axes).map((axis) => ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + between(g, 1, most))
  return {
    kernel,
    dilations,
    extents,
    strides: range(axes).map(() => between(g, 1, 3)),
    pads: range(2 * axes).map(() => between(g, 0, 1)),
    groups: between(g, 1, 2),
    channels: [between(g, 1, 2), between(g, 1, 2)],
  }
}

/** What is as ONNX has it anyway is left out at times. */
const attributesOf = (g: Draw, { kernel, strides, dilations, groups }: Drawn): Record<string, Attribute> => ({
  ...(either(g) ? { kernel_shape: ints(kernel) } : {}),
  ...(strides.every((stride) => stride === 1) && either(g) ? {} : { strides: ints(strides) }),
  ...(dilations.every((dilation) => dilation === 1) && either(g) ? {} : { dilations: ints(dilations) }),
  ...(groups === 1 && either(g) ? {} : { group: int(groups) }),
})

function convolutionCase(g: Draw): Made {
  const all = drawWindows(g)
  const how = between(g, 0, 4)
  // ONNX Runtime does not work out padding around holes.
  const drawn = how < 2 ? { ...all, dilations: all.dilations.map(() => 1) } : all
  const { extents, kernel, pads, groups } = drawn
  const [inGroup, outOfGroup] = drawn.channels
  const padding: Record<string, Attribute> =
    how === 0
      ? { auto_pad: text('SAME_UPPER') }
      : how === 1
        ? { auto_pad: text('SAME_LOWER') }
        : how === 2
          ? { auto_pad: text('VALID') }
          : either(g)
            ? { pads: ints(pads) }
            : {}
  const values = [
    floats(g, [between(g, 1, 2), inGroup * groups, ...extents]),
    floats(g, [outOfGroup * groups, inGroup, ...kernel]),
    ...(either(g) ? [floats(g, [outOfGroup * groups])] : []),
  ]
  return { operands: values.map((value) => ({ value })), attributes: { ...attributesOf(g, drawn), ...padding } }
}

function transposedCase(g: Draw): Made {
  const drawn = drawWindows(g)
  const { kernel, pads, groups, strides } = drawn
  const [inGroup, outOfGroup] = drawn.channels
  // With padding an output is cut at its ends: two inputs an axis leave something of it.
  const extents = range(kernel.length).map(() => between(g, 2, 3))
  const more = strides.map((stride) => between(g, 0, stride - 1))
  const values = [
    floats(g, [between(g, 1, 2), inGroup * groups, ...extents]),
    floats(g, [inGroup * groups, outOfGroup, ...kernel]),
    ...(either(g) ? [floats(g, [outOfGroup * groups])] : []),
  ]
  const isCut = kernel.every((extent) => extent > 1) && either(g)
  return {
    operands: values.map((value) => ({ value })),
    attributes: {
      ...attributesOf(g, drawn),
      ...(isCut ? { pads: ints(pads) } : {}),
      ...(either(g) ? { auto_pad: text(isCut || either(g) ? 'NOTSET' : 'VALID') } : {}),
      ...(more.every((count) => count === 0) && either(g) ? {} : { output_padding: ints(more) }),
    },
  }
}

const windowed: Cases['operators'] = { Conv: convolutionCase, ConvTranspose: transposedCase }
export const windowCases: Cases = { operators: windowed, gradients: windowed }
