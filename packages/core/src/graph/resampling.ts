/** Which elements of an input each element of a resized one is made of (ONNX operator document of Resize, opset 19), axis by axis. */
import { WardroundError } from '../errors.ts'
import { type Dim, intAttribute, type Node, type Shape, type Tensor } from './ir.ts'

/** On one axis: the `extent` that it has afterwards, and how many times longer coordinates get. */
export type Stretch = { readonly extent: number; readonly scale: number }

/** `weights[k]` of element `sources[k]`. */
export type Blend = { readonly sources: readonly number[]; readonly weights: readonly number[] }

const refused = (problem: string): WardroundError => new WardroundError('WR_GRAPH_REFUSED', { problem })
const invalid = (problem: string): WardroundError => new WardroundError('WR_GRAPH_INVALID', { problem })

/** More than any image has; each coordinate is worked out once. */
const mostExtent = 2 ** 14

const textOf = (node: Node, name: string, otherwise: string): string => {
  const attribute = node.attributes[name]
  return attribute?.kind === 'string' ? attribute.value : otherwise
}

/**
 * For each axis that changes: how; undefined for one that stays. Errors: WR_GRAPH_INVALID for scales or sizes that do not fit, WR_GRAPH_REFUSED for what is
 * neither linear nor nearest.
 */
export function stretchesOf(
  node: Node,
  shape: Shape,
  constant: (name: string) => Tensor | undefined,
): readonly (Stretch | undefined)[] {
  requirePlain(node)
  const [, , scales, sizes] = node.inputs.map((name, index) => given(node, constant(name), { name, index }))
  if ((scales === undefined) === (sizes === undefined)) throw invalid('Resize by scales or to sizes, one of them')
  const wanted = scales ?? sizes ?? []
  if (wanted.length !== shape.length) throw invalid(`Resize of ${shape.length} axes by [${wanted.join(', ')}]`)
  const made = shape.map((extent, axis) => stretchOf(extent, wanted[axis] ?? 0, scales !== undefined))
  const isSpatial = shape.length >= 3 && shape.length <= 5 && made[0] === undefined && made[1] === undefined
  if (textOf(node, 'mode', 'nearest') === 'linear' && !isSpatial)
    throw refused('Resize mixes batch or channels, or more than three other axes')
  return made
}

/** An empty tensor is an input left out, as older exports have it. */
function given(
  node: Node,
  tensor: Tensor | undefined,
  { name, index }: { name: string; index: number },
): readonly number[] | undefined {
  if (name === '' || index < 2) return undefined
  const type = index === 2 ? 'float32' : 'int64'
  if (tensor === undefined || tensor.type !== type || tensor.shape.length !== 1)
    throw invalid(`input ${index + 1} of ${node.op} is not constant`)
  return tensor.data.length === 0 ? undefined : Array.from(tensor.data, Number)
}

function stretchOf(extent: Dim, wanted: number, isScale: boolean): Stretch | undefined {
  if (wanted === (isScale ? 1 : extent)) return undefined
  if (typeof extent === 'string') throw invalid(`Resize of an extent that is known only when it runs (${extent})`)
  const stretch = isScale
    ? { extent: Math.floor(extent * wanted), scale: wanted }
    : { extent: wanted, scale: Math.fround(wanted / extent) }
  if (!(stretch.extent >= 1 && stretch.extent <= mostExtent && extent >= 1 && extent <= mostExtent))
    throw invalid(`Resize of ${extent} to ${stretch.extent}`)
  // The document moves the values by less than one place; ONNX Runtime leaves them where they are.
  if (stretch.extent === extent) throw refused(`Resize by ${wanted} leaves an axis of ${extent} as long as it is`)
  return stretch
}

function requirePlain(node: Node): void {
  const isPlain =
    ['nearest', 'linear'].includes(textOf(node, 'mode', 'nearest')) &&
    textOf(node, 'keep_aspect_ratio_policy', 'stretch') === 'stretch' &&
    intAttribute(node, 'antialias', 0) === 0 &&
    intAttribute(node, 'exclude_outside', 0) === 0 &&
    node.attributes.axes === undefined
  if (!isPlain) throw refused('Resize is nearest or linear, without antialiasing, named axes or weights left out')
}

/** Errors: WR_GRAPH_REFUSED where it depends on rounding which element is nearest. */
export function blendsOf(node: Node, extent: number, stretch: Stretch): readonly Blend[] {
  const coordinate = coordinateOf(node, extent, stretch)
  const isLinear = textOf(node, 'mode', 'nearest') === 'linear'
  return Array.from({ length: stretch.extent }, (_, index): Blend => {
    if (isLinear) return blendAt(coordinate(index, Number), extent)
    const nearest = nearestTo(node, coordinate(index, Number), extent)
    // ONNX Runtime reckons in Float32.
    if (nearest !== nearestTo(node, coordinate(index, Math.fround), extent))
      throw refused(`Resize of ${extent} to ${stretch.extent}: rounding decides which element is nearest`)
    return { sources: [nearest], weights: [1] }
  })
}

type Rounding = (value: number) => number

/** Where an element of the result lies among those of the input; each step is rounded by `r`. */
function coordinateOf(
  node: Node,
  extent: number,
  { extent: made, scale }: Stretch,
): (index: number, r: Rounding) => number {
  const how = textOf(node, 'coordinate_transformation_mode', 'half_pixel')
  const middles = (index: number, r: Rounding): number => r(r((index + 0.5) / scale) - 0.5)
  switch (how) {
    case 'half_pixel':
      return middles
    case 'pytorch_half_pixel':
      return made > 1 ? middles : () => 0
    case 'align_corners':
      return made > 1 ? (index, r) => r((index * (extent - 1)) / (made - 1)) : () => 0
    case 'asymmetric':
      return (index, r) => r(index / scale)
    default:
      throw refused(`Resize by ${how.slice(0, 30)}`)
  }
}

const clamped = (index: number, extent: number): number => Math.max(0, Math.min(extent - 1, index))

/** Between the two elements around `place`; outside, the one at the edge. */
function blendAt(place: number, extent: number): Blend {
  const inside = clamped(place, extent)
  const first = Math.floor(inside)
  const part = inside - first
  return part === 0 ? { sources: [first], weights: [1] } : { sources: [first, first + 1], weights: [1 - part, part] }
}

function nearestTo(node: Node, place: number, extent: number): number {
  const how = textOf(node, 'nearest_mode', 'round_prefer_floor')
  const rules: Readonly<Record<string, Rounding>> = {
    round_prefer_floor: (x) => Math.ceil(x - 0.5),
    round_prefer_ceil: (x) => Math.floor(x + 0.5),
    floor: Math.floor,
    ceil: Math.ceil,
  }
  const rule = Object.hasOwn(rules, how) ? rules[how] : undefined
  if (rule === undefined) throw refused(`Resize to the nearest by ${how.slice(0, 30)}`)
  return clamped(rule(place), extent)
}
