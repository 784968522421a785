/** What is refused of convolutions, poolings and resized images. */
import { int, ints, type Shape, text } from '../../ir.ts'
import { int64 } from '../draws.ts'
import { alongOpen, floats, type Given, INVALID, image, REFUSED, type Rows, type Use, uses } from './row.ts'

const kernel = { kernel_shape: ints([2, 2]) }
const pooled = { inputs: [image], attributes: kernel }
const deep = (axes: number): Partial<Use> => ({
  inputs: [[1, 1, ...Array.from({ length: axes }, () => 2)]],
  attributes: { kernel_shape: ints(Array.from({ length: axes }, () => 2)) },
})
const pooling: Rows = {
  rank: uses(INVALID, { inputs: [], ...deep(3) }, deep(4)),
  open: uses(INVALID, pooled, { inputs: [[1, 2, 'height', 4]] }),
  pads: uses(
    INVALID,
    { ...pooled, attributes: { ...kernel, pads: ints([1, 1, 1, 1]) } },
    { attributes: { pads: ints([2, 1, 1, 1]) } },
    { attributes: { pads: ints([1, 1, 1, 2]) } },
    { attributes: { dilations: ints([5, 1]) } },
  ),
  ceil: uses(
    REFUSED,
    {
      inputs: [[1, 1, 4]],
      attributes: { kernel_shape: ints([3]), pads: ints([1, 1]), strides: ints([4]), ceil_mode: int(1) },
    },
    { inputs: [[1, 1, 3]] },
  ),
  same: uses(
    INVALID,
    { ...pooled, attributes: { ...kernel, auto_pad: text('SAME_UPPER') } },
    { attributes: { dilations: ints([2, 1]) } },
  ),
}
const convolved = { inputs: [image, [2, 2, 3, 3] as Shape] }
/** The weights are trained, or what comes in. */
const trainedKernel = uses(
  REFUSED,
  {
    inputs: [
      [1, 1, 2 ** 12],
      [1, 1, 2 ** 12],
    ],
    trained: 0,
  },
  {
    inputs: [
      [1, 1, 2 ** 12 + 1],
      [1, 1, 2 ** 12 + 1],
    ],
  },
)
export const windowRestrictions: Readonly<Record<string, Rows>> = {
  AveragePool: {
    ...pooling,
    trainedTables: uses(
      REFUSED,
      { inputs: [[1, 1, 2 ** 22 + 1]], attributes: { kernel_shape: ints([2]) }, trained: 0 },
      { inputs: [[1, 1, 2 ** 22 + 2]] },
      { inputs: [[1, 2 ** 21 + 1, 3]] },
    ),
  },
  MaxPool: { ...pooling, order: uses(REFUSED, pooled, { attributes: { storage_order: int(1) } }) },
  Conv: {
    open: uses(INVALID, convolved, {
      inputs: [
        [1, 2, 'height', 4],
        [2, 2, 3, 3],
      ],
    }),
    same: uses(
      INVALID,
      { ...convolved, attributes: { auto_pad: text('SAME_LOWER') } },
      { attributes: { dilations: ints([1, 2]) } },
    ),
    trainedKernel,
  },
  ConvTranspose: {
    open: uses(INVALID, convolved, {
      inputs: [
        [1, 2, 'height', 4],
        [2, 2, 3, 3],
      ],
    }),
    shape: uses(INVALID, convolved, { attributes: { output_shape: ints([6, 6]) } }),
    auto: uses(
      INVALID,
      { ...convolved, attributes: { auto_pad: text('NOTSET') } },
      ...['SAME_UPPER', 'SAME_LOWER'].map((how) => ({ attributes: { auto_pad: text(how) } })),
    ),
    trainedKernel,
    padding: uses(
      INVALID,
      { ...convolved, attributes: { strides: ints([2, 2]), output_padding: ints([1, 1]) } },
      { attributes: { output_padding: ints([1, 2]) } },
    ),
  },
}

const sampled = { inputs: [image, [1, 3, 3, 2]] }
export const samplingRestrictions: Rows = {
  rank: uses(
    REFUSED,
    sampled,
    {
      inputs: [
        [1, 2, 4, 4, 4],
        [1, 3, 3, 3, 3],
      ],
    },
    {
      inputs: [
        [1, 2, 4],
        [1, 3, 1],
      ],
    },
  ),
  cubic: uses(REFUSED, sampled, { attributes: { mode: text('cubic') } }),
  reflection: uses(REFUSED, sampled, { attributes: { padding_mode: text('reflection') } }),
}

const doubled = { inputs: [image, undefined, floats(1, 1, 2, 2)] }
/** Of which rounding decides where a coordinate is a whole number. */
const exact = { coordinate_transformation_mode: text('asymmetric'), nearest_mode: text('floor') }
const linear = { mode: text('linear') }
const line = (before: number, after: number): Given[] => [[1, 1, before], undefined, undefined, int64([1, 1, after])]
export const resizeRestrictions: Rows = {
  cubic: uses(REFUSED, doubled, { attributes: { mode: text('cubic') } }),
  antialias: uses(REFUSED, { ...doubled, attributes: linear }, { attributes: { antialias: int(1) } }),
  outside: uses(REFUSED, { ...doubled, attributes: linear }, { attributes: { exclude_outside: int(1) } }),
  ratio: uses(
    REFUSED,
    { inputs: line(2, 4), attributes: { keep_aspect_ratio_policy: text('stretch') } },
    { attributes: { keep_aspect_ratio_policy: text('not_larger') } },
    { attributes: { keep_aspect_ratio_policy: text('not_smaller') } },
  ),
  axes: uses(REFUSED, doubled, { attributes: { axes: ints([0, 1, 2, 3]) } }),
  coordinates: uses(
    REFUSED,
    { ...doubled, attributes: { ...linear, coordinate_transformation_mode: text('half_pixel') } },
    ...['tf_crop_and_resize', 'half_pixel_symmetric'].map((how) => ({
      attributes: { coordinate_transformation_mode: text(how) },
    })),
  ),
  sizes: uses(
    INVALID,
    doubled,
    { inputs: [image, undefined, [4]] },
    { inputs: [image, undefined, undefined, { computed: [4] }] },
  ),
  mixed: uses(
    REFUSED,
    { ...doubled, attributes: linear },
    { inputs: [image, undefined, floats(1, 2, 2, 2)] },
    { inputs: [image, undefined, floats(2, 1, 2, 2)] },
    { inputs: [[1, 1, 2, 2, 2, 2], undefined, floats(1, 1, 1, 1, 1, 2)] },
  ),
  rounding: uses(REFUSED, { inputs: line(4, 8), attributes: exact }, { inputs: line(6, 8) }),
  extent: uses(
    INVALID,
    { inputs: line(1, 2 ** 14) },
    { inputs: line(1, 2 ** 14 + 1) },
    { inputs: line(2 ** 14 + 1, 1) },
  ),
  open: alongOpen({ inputs: [[2, 3], undefined, undefined, int64([2, 6])] }),
  trainedMatrix: uses(
    REFUSED,
    { inputs: line(256, 2 ** 14), attributes: linear, trained: 0 },
    { inputs: line(257, 2 ** 14) },
  ),
}
