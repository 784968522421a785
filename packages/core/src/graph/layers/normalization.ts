/** Normalisation. */
import type { GraphBuilder } from '../builder.ts'
import { invalid } from '../shapes/rule.ts'
import type { Context } from './layer.ts'

export type BatchNormalization = {
  /** [batch, channels, …] */
  readonly x: string
  /** [channels] each, and so are the running statistics. */
  readonly scale: string
  readonly bias: string
  readonly mean: string
  readonly variance: string
  readonly epsilon: number
  /** How much of the running statistics a step keeps. */
  readonly momentum: number
}

/**
 * Ioffe and Szegedy 2015, Algorithm 1: by the statistics of the batch while training, and by the running ones else. A running variance is the unbiased one, as in
 * PyTorch.
 */
export function appendBatchNormalization(b: GraphBuilder, norm: BatchNormalization, { keep }: Context): string {
  const { x, scale, bias, mean, variance, epsilon } = norm
  const shape = b.shape(x)
  const spread = (name: string): string => b.node('Reshape', [name, b.axes([1, -1, ...shape.slice(2).map(() => 1)])])
  const inverse = (name: string): string =>
    b.node('Reciprocal', [b.node('Sqrt', [b.node('Add', [name, b.scalar(epsilon)])])])
  if (keep === undefined) {
    const factor = b.node('Mul', [scale, inverse(variance)])
    const offset = b.node('Sub', [bias, b.node('Mul', [mean, factor])])
    return b.node('Add', [b.node('Mul', [x, spread(factor)]), spread(offset)])
  }
  const axes = b.axes(shape.flatMap((_, axis) => (axis === 1 ? [] : [axis])))
  const meanOf = (name: string): string => b.node('ReduceMean', [name, axes])
  const own = meanOf(x)
  const centred = b.node('Sub', [x, own])
  const squares = meanOf(b.node('Mul', [centred, centred]))
  keepStatistics(b, norm, { mean: own, variance: squares, keep })
  const factor = b.node('Mul', [inverse(squares), spread(scale)])
  return b.node('Add', [b.node('Mul', [centred, factor]), spread(bias)])
}

type Own = { readonly mean: string; readonly variance: string; readonly keep: NonNullable<Context['keep']> }

function keepStatistics(b: GraphBuilder, { x, mean, variance, momentum }: BatchNormalization, own: Own): void {
  const count = b
    .shape(x)
    .reduce<number>((product, extent, axis) => (axis === 1 ? product : product * Number(extent)), 1)
  if (!(count > 1)) throw invalid('batch normalisation of a single value')
  const flat = (name: string): string => b.node('Reshape', [name, b.axes([-1])])
  const mixed = (old: string, next: string, factor: number): string =>
    b.node('Add', [b.node('Mul', [old, b.scalar(momentum)]), b.node('Mul', [flat(next), b.scalar(factor)])])
  own.keep(mean, mixed(mean, own.mean, 1 - momentum))
  own.keep(variance, mixed(variance, own.variance, ((1 - momentum) * count) / (count - 1)))
}
