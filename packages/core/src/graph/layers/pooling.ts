/** Poolings: of windows, of everything, and into so many parts. */
import type { SpecOf } from '../../study/layers.ts'
import { sizeOf } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'
import { type Extents, type Layer, misfit, type Place } from './layer.ts'
import { type PerAxis, spatialExtents, windowAttributes, windowsFor } from './windowed.ts'

type Told = Pick<SpecOf<'maxPool1d'> | SpecOf<'maxPool2d'> | SpecOf<'maxPool3d'>, 'strides' | 'padding'>
type Pooling = { readonly op: 'MaxPool' | 'AveragePool'; readonly size: PerAxis; readonly axes: number }

/** Windows side by side, unless strides say otherwise. What padding adds does not count. Errors: WR_STUDY_INVALID. */
export function poolingLayer(told: Told, place: Place, { op, size, axes }: Pooling): Layer {
  const { channels, extents } = spatialExtents(place, axes)
  const windows = windowsFor(place, extents, { kernel: size, strides: told.strides ?? size, padding: told.padding })
  if ([...windows.begins, ...windows.ends].some((zeros, index) => zeros >= (windows.kernel[index % axes] ?? 1)))
    throw misfit('model.layers', `${place.name}: a window could lie in the padding`)
  return {
    name: place.name,
    output: [channels, ...windows.counts],
    weights: [],
    draws: [],
    append(b, x, { keep }) {
      const attributes = windowAttributes(windows)
      if (op === 'AveragePool') return b.node(op, [x], { attributes })
      const before = reluBefore(b, x)
      const pool = (value: string): string => b.node(op, [value], { attributes })
      // What is exported, or predicted with, is as everybody writes it.
      const isTraining = keep !== undefined
      const y = isTraining
        ? singleChannels(b, before ?? x, { channels, extents, counts: windows.counts, pool })
        : pool(before ?? x)
      return before === undefined ? y : b.node('Relu', [y])
    },
  }
}

type SingleChannels = {
  readonly channels: number
  readonly extents: Extents
  readonly counts: Extents
  readonly pool: (x: string) => string
}

/** Every channel as an example: ONNX Runtime puts images of several channels into another order, and back, around its own operator, which takes longer than that. */
function singleChannels(b: GraphBuilder, x: string, { channels, extents, counts, pool }: SingleChannels): string {
  if (extents.length !== 2) return pool(x)
  return b.node('Reshape', [
    pool(b.node('Reshape', [x, b.axes([-1, 1, ...extents])])),
    b.axes([-1, channels, ...counts]),
  ])
}

/** What a relu made `x` of. The largest of rectified values is the largest one, rectified: the same bits, there and back, of a few values instead of all. */
const reluBefore = (b: GraphBuilder, x: string): string | undefined => {
  const maker = b.nodes().findLast(({ outputs }) => outputs.includes(x))
  return maker?.op === 'Relu' ? maker.inputs[0] : undefined
}

/** One value a channel. Errors: WR_STUDY_INVALID for what has no space. */
export function globalPoolingLayer({ name, input }: Place, op: 'GlobalMaxPool' | 'GlobalAveragePool'): Layer {
  const [channels = 0] = input
  if (input.length < 2) throw misfit('model.layers', `${name} needs [channels, …] and gets [${input.join(', ')}]`)
  return {
    name,
    output: [channels],
    weights: [],
    draws: [],
    append: (b, x) => b.node('Reshape', [b.node(op, [x]), b.axes([0, channels])]),
  }
}

/** As equal parts as can be, which share an element where they must: PyTorch's adaptive_avg_pool. Errors: WR_STUDY_INVALID. */
export function adaptivePoolingLayer(
  { adaptiveAveragePool: wanted }: SpecOf<'adaptiveAveragePool'>,
  place: Place,
): Layer {
  const { channels, extents } = spatialExtents(place, wanted.length)
  return {
    name: place.name,
    output: [channels, ...wanted],
    weights: [],
    draws: [],
    append(b, x) {
      if (extents.every((extent, axis) => extent % (wanted[axis] ?? 1) === 0)) {
        const kernel = extents.map((extent, axis) => extent / (wanted[axis] ?? 1))
        const none = kernel.map(() => 0)
        const windows = { kernel, strides: kernel, dilations: kernel.map(() => 1), begins: none, ends: none }
        return b.node('AveragePool', [x], { attributes: windowAttributes(windows) })
      }
      return partMeans(b, x, { channels, extents, wanted })
    },
  }
}

/** The mean over a box is one of means, axis by axis: a product with a matrix each. */
function partMeans(
  b: GraphBuilder,
  x: string,
  { channels, extents, wanted }: { channels: number; extents: Extents; wanted: Extents },
): string {
  let [value, shape] = [x, [channels, ...extents]]
  for (const [axis, parts] of wanted.entries()) {
    const [extent = 1, before, after] = [extents[axis], shape.slice(0, axis + 1), shape.slice(axis + 2)]
    const flat = b.node('Reshape', [value, b.axes([-1, extent, sizeOf(after)])])
    const means = b.node('MatMul', [b.table([parts, extent], shares(extent, parts)), flat])
    shape = [...before, parts, ...after]
    value = b.node('Reshape', [means, b.axes([-1, ...shape])])
  }
  return value
}

/** Row i has 1/length over ⌊i·extent/parts⌋ … ⌈(i + 1)·extent/parts⌉ − 1. */
const shares = (extent: number, parts: number): readonly number[] =>
  Array.from({ length: parts }, (_, part) => {
    const [start, end] = [Math.floor((part * extent) / parts), Math.ceil(((part + 1) * extent) / parts)]
    return Array.from({ length: extent }, (_, at) => (at >= start && at < end ? 1 / (end - start) : 0))
  }).flat()
