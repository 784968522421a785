/** What is refused of operators along axes, and of those that move values. */
import { int, text } from '../../ir.ts'
import { int64 } from '../draws.ts'
import { alongOpen, computed, files, type Given, INVALID, matrix, number, REFUSED, type Rows, uses } from './row.ts'

export const reduction: Rows = {
  axes: uses(INVALID, { inputs: [matrix, int64([1])] }, { inputs: [matrix, computed] }),
  none: uses(INVALID, { inputs: [matrix] }, { attributes: { noop_with_empty_axes: int(1) } }),
}
export const older: Rows = {
  older: files(
    REFUSED,
    (op) => ({ opset: 12, nodes: [{ op, attributes: { axis: int(2) } }] }),
    (op) => ({ opset: 12, nodes: [{ op, attributes: { axis: int(1) } }] }),
    (op) => ({ opset: 12, nodes: [{ op }] }),
  ),
}

const cutting: readonly Given[] = [matrix, int64([0]), int64([1]), int64([1]), int64([2])]
const pad = { inputs: [matrix, int64([0, 1, 0, 2])] }
export const movementRestrictions: Readonly<Record<string, Rows>> = {
  Concat: {
    open: alongOpen({ inputs: [matrix, matrix], attributes: { axis: int(1) } }),
  },
  DepthToSpace: {
    open: uses(
      INVALID,
      { inputs: [['rows', 4, 2, 2]], attributes: { blocksize: int(2) } },
      { inputs: [[1, 4, 'height', 2]] },
      { inputs: [[1, 4, 2, 'width']] },
    ),
  },
  SpaceToDepth: {
    open: uses(
      INVALID,
      { inputs: [['rows', 1, 2, 2]], attributes: { blocksize: int(2) } },
      { inputs: [[1, 1, 'height', 2]] },
      { inputs: [[1, 1, 2, 'width']] },
    ),
  },
  Expand: { shape: uses(INVALID, { inputs: [matrix, int64([4, 2, 3])] }, { inputs: [matrix, { computed: [3] }] }) },
  Pad: {
    pads: uses(INVALID, pad, { inputs: [matrix, { computed: [4] }] }),
    cut: uses(INVALID, pad, { inputs: [matrix, int64([0, -1, 0, 2])] }),
    axes: uses(INVALID, pad, { inputs: [...pad.inputs, undefined, int64([0, 1])] }),
    wrap: uses(INVALID, pad, { attributes: { mode: text('wrap') } }),
    open: alongOpen(pad),
    trainedMode: uses(
      REFUSED,
      { ...pad, trained: 0 },
      { attributes: { mode: text('reflect') } },
      { attributes: { mode: text('edge') } },
    ),
    trainedValue: uses(REFUSED, { inputs: [...pad.inputs, number(2)], trained: 0 }, { inputs: [...pad.inputs, []] }),
  },
  Reshape: { shape: uses(INVALID, { inputs: [matrix, int64([3, 2])] }, { inputs: [matrix, { computed: [2] }] }) },
  Slice: {
    bounds: uses(
      INVALID,
      { inputs: cutting },
      ...[1, 2, 3, 4].map((index) => ({
        inputs: cutting.with(index, computed),
      })),
    ),
    open: alongOpen({ inputs: [matrix, int64([0]), int64([1]), int64([1])] }),
  },
  Split: {
    sizes: uses(INVALID, { inputs: [matrix, int64([1, 1])], outputs: 2 }, { inputs: [matrix, { computed: [2] }] }),
    open: uses(INVALID, { inputs: [matrix], outputs: 2 }, { inputs: [['rows', 3]] }),
  },
  Squeeze: { axes: uses(INVALID, { inputs: [[1, 2], int64([0])] }, { inputs: [[1, 2], computed] }) },
  Tile: {
    repeats: uses(INVALID, { inputs: [matrix, int64([1, 2])] }, { inputs: [matrix, { computed: [2] }] }),
    open: alongOpen({ inputs: [matrix, int64([1, 2])] }),
  },
  Unsqueeze: { axes: uses(INVALID, { inputs: [matrix, int64([0])] }, { inputs: [matrix, computed] }) },
}
