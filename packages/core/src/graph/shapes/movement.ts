/** Shapes of operators that only move values. */
import type { WardroundError } from '../../errors.ts'
import { type Dim, intAttribute, intsAttribute, type Node, type Shape } from '../ir.ts'
import {
  axisOf,
  bounded,
  broadcast,
  input,
  integers,
  invalid,
  type Lookup,
  mostAxes,
  namedAxes,
  type ShapeRule,
  type TypedShape,
} from './rule.ts'

const transpose: ShapeRule = (node, inputs) => {
  const { type, shape } = input(inputs, 0)
  const order = intsAttribute(node, 'perm') ?? shape.map((_, axis) => shape.length - 1 - axis)
  if (order.length !== shape.length || shape.some((_, axis) => !order.includes(axis)))
    throw invalid(`Transpose of ${shape.length} axes to [${order.join(', ')}]`)
  return { type, shape: order.map((axis) => shape[axis] ?? 0) }
}

/** −1 takes what is left over; 0 copies the extent of the input. */
const reshape: ShapeRule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const wanted = integers(lookup.constant(node.inputs[1] ?? ''))
  if (wanted === undefined) throw invalid('the shape given to Reshape is not constant')
  const misfit = (): WardroundError => invalid(`Reshape of [${shape.join(', ')}] to [${wanted.join(', ')}]`)
  const copies = intAttribute(node, 'allowzero', 0) === 0
  const target = wanted.map((extent, axis): Dim => {
    const copied = extent === 0 && copies ? shape[axis] : extent
    if (copied === undefined || Number(copied) < -1) throw misfit()
    return copied
  })
  const fixed = target.filter((extent) => extent !== -1)
  if (target.length - fixed.length > 1) throw misfit()
  const open = target.indexOf(-1)
  const symbols = symbolsOf(shape)
  for (const symbol of symbolsOf(fixed)) symbols.splice(symbols.indexOf(symbol), 1)
  const left = product(shape) / product(fixed)
  const [symbol] = symbols
  // An extent that is known only when the graph runs fills the hole by itself, or not at all.
  if (symbol !== undefined && open >= 0) {
    if (symbols.length > 1 || left !== 1) throw misfit()
    return { type, shape: target.with(open, symbol) }
  }
  if (symbol === undefined && (open < 0 ? product(shape) !== product(fixed) : !Number.isInteger(left))) throw misfit()
  return { type, shape: open < 0 ? target : target.with(open, left) }
}

const symbolsOf = (shape: Shape): string[] => shape.filter((extent) => typeof extent === 'string')

/** Of the fixed extents. */
const product = (shape: Shape): number =>
  shape.reduce<number>((size, extent) => (typeof extent === 'number' ? size * extent : size), 1)

const concat: ShapeRule = (node, inputs) => {
  const first = input(inputs, 0)
  const axis = axisOf(node.op, intAttribute(node, 'axis', 0), first.shape.length)
  const parts = inputs.map((_, index) => input(inputs, index))
  const extents = parts.map(({ shape }) => shape[axis])
  if (extents.some((extent) => typeof extent !== 'number')) throw invalid('Concat along a symbolic extent')
  const fits = ({ shape }: TypedShape): boolean =>
    shape.length === first.shape.length &&
    shape.every((extent, other) => other === axis || extent === first.shape[other])
  if (!parts.every(fits)) throw invalid(`Concat of [${parts.map(({ shape }) => shape.join(', ')).join('] and [')}]`)
  return {
    type: first.type,
    shape: first.shape.with(
      axis,
      extents.reduce<number>((sum, extent) => sum + Number(extent), 0),
    ),
  }
}

const unsqueeze: ShapeRule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const added = integers(lookup.constant(node.inputs[1] ?? ''))?.length ?? 0
  if (added > mostAxes) throw invalid(`Unsqueeze by ${added} axes`)
  const axes = namedAxes(node, shape.length + added, lookup)
  if (axes === undefined) throw invalid('Unsqueeze without axes')
  return {
    type,
    shape: axes.toSorted((a, b) => a - b).reduce<Dim[]>((made, axis) => made.toSpliced(axis, 0, 1), [...shape]),
  }
}

const squeeze: ShapeRule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const axes = namedAxes(node, shape.length, lookup)
  if (axes === undefined) {
    if (shape.some((extent) => typeof extent === 'string')) throw invalid('Squeeze without axes of a symbolic extent')
    return { type, shape: shape.filter((extent) => extent !== 1) }
  }
  for (const axis of axes)
    if (typeof shape[axis] === 'number' && shape[axis] !== 1) throw invalid(`Squeeze of ${shape[axis]}`)
  return { type, shape: shape.filter((_, axis) => !axes.includes(axis)) }
}

const expand: ShapeRule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const wanted = integers(lookup.constant(node.inputs[1] ?? ''))
  if (wanted === undefined) throw invalid('the shape given to Expand is not constant')
  return { type, shape: bounded(node.op, broadcast(shape, wanted)) }
}

/** Constant integers of input `index`; undefined where it is left out. Errors: WR_GRAPH_INVALID where they are computed. */
export function given(node: Node, index: number, lookup: Pick<Lookup, 'constant'>): readonly number[] | undefined {
  const name = node.inputs[index] ?? ''
  if (name === '') return undefined
  const values = integers(lookup.constant(name))
  if (values === undefined) throw invalid(`input ${index + 1} of ${node.op} is not constant`)
  return values
}

/** What a Slice takes of each axis that it names: `count` elements from `start`, every `step`-th. */
export type Cut = { readonly axis: number; readonly start: number; readonly step: number; readonly count: number }

/** Errors: WR_GRAPH_INVALID, also for an axis whose extent is known only when the graph runs. */
export function cutsOf(node: Node, shape: Shape, lookup: Pick<Lookup, 'constant'>): readonly Cut[] {
  const [starts, ends] = [given(node, 1, lookup), given(node, 2, lookup)]
  if (starts === undefined || ends === undefined) throw invalid('Slice without its bounds')
  const axes = (given(node, 3, lookup) ?? starts.map((_, axis) => axis)).map((axis) =>
    axisOf('Slice', axis, shape.length),
  )
  const steps = given(node, 4, lookup) ?? starts.map(() => 1)
  if (new Set([starts.length, ends.length, axes.length, steps.length]).size > 1 || new Set(axes).size !== axes.length)
    throw invalid('Slice with bounds, axes and steps that do not fit')
  return axes.map((axis, index): Cut => {
    const [extent, step = 1] = [shape[axis], steps[index]]
    if (typeof extent !== 'number') throw invalid(`Slice of an extent that is known only when it runs (${extent})`)
    if (step === 0) throw invalid('Slice with a step of 0')
    // Counted from the end where negative; what is outside is not there.
    const within = (bound: number, [least, most]: readonly [number, number]): number =>
      Math.max(least, Math.min(most, bound < 0 ? bound + extent : bound))
    const limits = step > 0 ? ([0, extent] as const) : ([-1, extent - 1] as const)
    const start = within(starts[index] ?? 0, step > 0 ? limits : [0, extent - 1])
    const end = within(ends[index] ?? 0, limits)
    return { axis, start, step, count: Math.max(0, Math.ceil((end - start) / step)) }
  })
}

const slice: ShapeRule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  return {
    type,
    shape: cutsOf(node, shape, lookup).reduce<Shape>((made, { axis, count }) => made.with(axis, count), shape),
  }
}

const padModes = ['constant', 'reflect', 'edge'] as const
type PadMode = (typeof padModes)[number]
type Pads = { readonly begins: readonly number[]; readonly ends: readonly number[]; readonly mode: PadMode }

/** How many elements are put before and behind each axis. Errors: WR_GRAPH_INVALID, also for other modes, axes that are named and what is cut off. */
export function padsOf(node: Node, rank: number, lookup: Pick<Lookup, 'constant'>): Pads {
  const attribute = node.attributes.mode
  const mode = padModes.find((name) => name === (attribute?.kind === 'string' ? attribute.value : 'constant'))
  const pads = given(node, 1, lookup) ?? []
  if (
    mode === undefined ||
    (node.inputs[3] ?? '') !== '' ||
    pads.length !== 2 * rank ||
    pads.some((count) => count < 0)
  )
    throw invalid(`Pad of ${rank} axes by [${pads.join(', ')}], or in another mode`)
  return { begins: pads.slice(0, rank), ends: pads.slice(rank), mode }
}

const pad: ShapeRule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const { begins, ends, mode } = padsOf(node, shape.length, lookup)
  return {
    type,
    shape: shape.map((extent, axis): Dim => {
      const [before, behind] = [begins[axis] ?? 0, ends[axis] ?? 0]
      if (before + behind === 0) return extent
      if (typeof extent === 'string') throw invalid(`Pad of an extent that is known only when it runs (${extent})`)
      // A mirror has no more than what is there, and the edge is not repeated.
      const most = mode === 'reflect' ? extent - 1 : mode === 'edge' && extent === 0 ? 0 : Number.POSITIVE_INFINITY
      if (Math.max(before, behind) > most) throw invalid(`Pad of ${extent} by ${before} and ${behind}, ${mode}`)
      return extent + before + behind
    }),
  }
}

const tile: ShapeRule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const repeats = given(node, 1, lookup) ?? []
  if (repeats.length !== shape.length || repeats.some((count) => count < 0))
    throw invalid(`Tile of ${shape.length} axes by [${repeats.join(', ')}]`)
  const times = (extent: Dim, count: number): Dim => {
    if (typeof extent === 'number') return extent * count
    if (count !== 1) throw invalid(`Tile of an extent that is known only when it runs (${extent})`)
    return extent
  }
  return {
    type,
    shape: bounded(
      node.op,
      shape.map((extent, axis) => times(extent, repeats[axis] ?? 1)),
    ),
  }
}

/** The axes before `axis` as one, and those from there on as another. */
const flatten: ShapeRule = (node, inputs) => {
  const { type, shape } = input(inputs, 0)
  const axis = intAttribute(node, 'axis', 1)
  if (axis < -shape.length || axis > shape.length) throw invalid(`Flatten names axis ${axis} of ${shape.length}`)
  const merged = (extents: Shape): Dim => {
    const [symbol, ...others] = symbolsOf(extents)
    if (symbol === undefined) return product(extents)
    if (others.length > 0 || product(extents) !== 1) throw invalid(`Flatten of [${shape.join(', ')}] at ${axis}`)
    return symbol
  }
  const at = axis < 0 ? axis + shape.length : axis
  return { type, shape: [merged(shape.slice(0, at)), merged(shape.slice(at))] }
}

/** Of the last two axes, the upper or lower triangle. */
const triangle: ShapeRule = (node, inputs) => {
  const [x, diagonal] = [input(inputs, 0), inputs[1]]
  if (x.shape.length < 2 || (diagonal !== undefined && diagonal.shape.length > 0))
    throw invalid(`${node.op} of [${x.shape.join(', ')}]`)
  return x
}

export const movementShapes: Readonly<Record<string, ShapeRule>> = {
  Transpose: transpose,
  Reshape: reshape,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Expand: expand,
  Concat: concat,
  Slice: slice,
  Pad: pad,
  Tile: tile,
  Flatten: flatten,
  Trilu: triangle,
}
