/** Where the windows of a convolution or a pooling lie on their input (ONNX operator documents, opset 21: Conv, ConvTranspose, MaxPool, AveragePool). */
import { WardroundError } from '../errors.ts'
import { type Dim, intAttribute, intsAttribute, type Node, type Shape } from './ir.ts'

/** One entry for each spatial axis. */
export type Windows = {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Zeros before and behind the input. */
  readonly begins: readonly number[]
  readonly ends: readonly number[]
}

const invalid = (problem: string): WardroundError => new WardroundError('WR_GRAPH_INVALID', { problem })
const refused = (problem: string): WardroundError => new WardroundError('WR_GRAPH_REFUSED', { problem })

/**
 * As the node's attributes say, for an input of these spatial extents. `kernel` is that of the weights. Errors: WR_GRAPH_INVALID for attributes of another
 * length or out of range, and for extents that are known only when the graph runs.
 */
export function windowsOf(node: Node, spatial: Shape, kernel: readonly number[]): Windows {
  const extents = fixedExtents(node, spatial)
  const entries = (name: string, otherwise: number, { least = 1, count = kernel.length } = {}): readonly number[] => {
    const given = intsAttribute(node, name) ?? Array.from({ length: count }, () => otherwise)
    if (given.length !== count || given.some((value) => value < least || value > mostExtent))
      throw invalid(`${node.op} with ${name} of [${given.join(', ')}]`)
    return given
  }
  const said = entries('kernel_shape', 0, { least: 0 })
  if (intsAttribute(node, 'kernel_shape') !== undefined && said.some((extent, axis) => extent !== kernel[axis]))
    throw invalid(`${node.op} with a kernel of [${kernel.join(', ')}] that calls itself [${said.join(', ')}]`)
  const [strides, dilations] = [entries('strides', 1), entries('dilations', 1)]
  const pads = entries('pads', 0, { least: 0, count: 2 * kernel.length })
  const shape = { kernel, strides, dilations }
  return { ...shape, ...paddingOf(node, { ...shape, extents, pads }) }
}

/** No extent of ours is as large; products of two stay exact. */
const mostExtent = 2 ** 24

function fixedExtents(node: Node, spatial: Shape): readonly number[] {
  return spatial.map((extent) => {
    if (typeof extent === 'string')
      throw invalid(`${node.op} over an extent that is known only when it runs (${extent})`)
    return extent
  })
}

type Padding = Pick<Windows, 'begins' | 'ends'>
type Unpadded = Omit<Windows, keyof Padding> & { readonly extents: readonly number[]; readonly pads: readonly number[] }

function paddingOf(node: Node, { kernel, strides, dilations, extents, pads }: Unpadded): Padding {
  const attribute = node.attributes.auto_pad
  const how = attribute?.kind === 'string' ? attribute.value : 'NOTSET'
  const none = kernel.map(() => 0)
  switch (how) {
    case 'NOTSET':
      return { begins: pads.slice(0, kernel.length), ends: pads.slice(kernel.length) }
    case 'VALID':
      return { begins: none, ends: none }
    case 'SAME_UPPER':
    case 'SAME_LOWER': {
      if (dilations.some((dilation) => dilation > 1))
        throw invalid(`${node.op} with dilations and auto_pad ${how}, which ONNX Runtime refuses`)
      // As many outputs as strides fit into the input; the odd one of the zeros is behind it, or before.
      const zeros = extents.map((extent, axis) => {
        const [stride = 1, size = 1, dilation = 1] = [strides[axis], kernel[axis], dilations[axis]]
        return Math.max(0, (Math.ceil(extent / stride) - 1) * stride + dilation * (size - 1) + 1 - extent)
      })
      const [less, more] = [zeros.map((all) => Math.floor(all / 2)), zeros.map((all) => Math.ceil(all / 2))]
      return how === 'SAME_UPPER' ? { begins: less, ends: more } : { begins: more, ends: less }
    }
    default:
      throw invalid(`${node.op} with auto_pad ${how.slice(0, 20)}`)
  }
}

/** How far a window reaches on an axis, holes included. */
export const reach = ({ kernel, dilations }: Pick<Windows, 'kernel' | 'dilations'>, axis: number): number =>
  (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1

/** How many windows there are on each axis of an input. Errors: WR_GRAPH_INVALID where there is none. */
export function windowCounts(windows: Windows, extents: readonly number[]): readonly number[] {
  const { strides, begins, ends } = windows
  return extents.map((extent, axis) => {
    const room = extent + (begins[axis] ?? 0) + (ends[axis] ?? 0) - reach(windows, axis)
    if (room < 0) throw invalid(`a window of ${reach(windows, axis)} on ${extent} with its padding`)
    return Math.floor(room / (strides[axis] ?? 1)) + 1
  })
}

/** The extents of which windows, so many on each axis, use all, before any that no window reaches: what a transposed convolution makes. */
export const coveredExtents = (windows: Windows, counts: readonly number[]): readonly number[] =>
  counts.map(
    (count, axis) =>
      (count - 1) * (windows.strides[axis] ?? 1) +
      reach(windows, axis) -
      (windows.begins[axis] ?? 0) -
      (windows.ends[axis] ?? 0),
  )

/** Extents behind batch and channels. */
export const spatialOf = (shape: Shape): readonly Dim[] => shape.slice(2)

export type Pooling = {
  /** Their `ends` reach as far as the last window: with ceil_mode beyond the padding, and short of it where no window needs all. */
  readonly windows: Windows
  /** How many windows there are on each axis. */
  readonly counts: readonly number[]
  /** How far input and padding reach, counted from the input's first element. */
  readonly reaches: readonly number[]
}

/**
 * As windowsOf(), for a pooling, which says itself how large its windows are. With ceil_mode a last window that begins inside the input, or in the padding
 * before it, may reach beyond the padding, as in ONNX Runtime and PyTorch. Errors: WR_GRAPH_INVALID also for windows that could miss the input;
 * WR_GRAPH_REFUSED for a window that ONNX counts and ONNX Runtime does not make (withoutIdleCeil).
 */
export function poolingOf(node: Node, spatial: Shape): Pooling {
  const kernel = intsAttribute(node, 'kernel_shape') ?? []
  if (kernel.length !== spatial.length || kernel.some((extent) => extent < 1 || extent > mostExtent))
    throw invalid(`${node.op} of ${spatial.length} axes with a kernel of [${kernel.join(', ')}]`)
  const windows = windowsOf(node, spatial, kernel)
  const extents = spatial.map(Number)
  requireHits(node, windows, extents)
  const floor = windowCounts(windows, extents)
  const counts =
    intAttribute(node, 'ceil_mode', 0) === 0
      ? floor
      : floor.map((count, axis) => {
          const rest = restOf(windows, { axis, count, extent: extents[axis] ?? 0 })
          if (rest === 'padding') throw refused(`${node.op} with ceil_mode whose last window begins in the padding`)
          return rest === 'input' ? count + 1 : count
        })
  const covered = coveredExtents({ ...windows, ends: kernel.map(() => 0) }, counts)
  return {
    windows: { ...windows, ends: covered.map((end, axis) => Math.max(0, end - (extents[axis] ?? 0))) },
    counts,
    reaches: extents.map((extent, axis) => extent + (windows.ends[axis] ?? 0)),
  }
}

/** On what one more window, for what the windows leave of an axis, would begin; undefined where nothing is left, or it would begin behind it all. */
function restOf(
  windows: Windows,
  { axis, count, extent }: { axis: number; count: number; extent: number },
): 'input' | 'padding' | undefined {
  const [before = 0, behind = 0, stride = 1] = [windows.begins[axis], windows.ends[axis], windows.strides[axis]]
  const whole = extent + before + behind
  if (whole <= (count - 1) * stride + reach(windows, axis) || count * stride >= whole) return undefined
  return count * stride < extent + before ? 'input' : 'padding'
}

/**
 * The same pooling without ceil_mode, where that adds no window: where all that is left is padding, ONNX counts a window that ONNX Runtime does not make, and
 * PyTorch neither. Otherwise as it is.
 */
export function withoutIdleCeil(node: Node, spatial: Shape): Node {
  const { ceil_mode: mode, ...attributes } = node.attributes
  if (mode?.kind !== 'int' || mode.value === 0) return node
  const plain = { ...node, attributes }
  const { windows, counts } = poolingOf(plain, spatial)
  const padded = windowsOf(plain, spatial, windows.kernel)
  const rests = counts.map((count, axis) => restOf(padded, { axis, count, extent: Number(spatial[axis]) }))
  return rests.includes('input') ? node : plain
}

/** Every window must see an element: padding is less than a kernel, and no hole is as wide as the input. */
function requireHits(
  node: Node,
  { kernel, strides, dilations, begins, ends }: Windows,
  extents: readonly number[],
): void {
  const isSame = node.attributes.auto_pad?.kind === 'string' && node.attributes.auto_pad.value.startsWith('SAME')
  for (const [axis, size] of kernel.entries()) {
    const most = Math.max(begins[axis] ?? 0, ends[axis] ?? 0)
    const leap = size > 1 ? (dilations[axis] ?? 1) : 0
    const misses = most >= size || (most > 0 && leap > (extents[axis] ?? 0)) || (isSame && size < (strides[axis] ?? 1))
    if (misses) throw invalid(`${node.op} with windows of ${size} that can miss an input of ${extents[axis]}`)
  }
}
