/** Normalisation. */
import type { GraphBuilder } from '../builder.ts'
import { float, int } from '../ir.ts'
import { scratch } from '../scratch.ts'
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
  const attributes = { epsilon: float(epsilon) }
  if (keep === undefined) return b.node('BatchNormalization', [x, scale, bias, mean, variance], { attributes })
  // With a momentum of 0 the running statistics that it puts out are those of the batch, which its gradient needs, too.
  const [y = '', ...own] = b.several('BatchNormalization', [x, scale, bias, ...scratch(b, [mean, variance])], {
    outputs: 3,
    attributes: { ...attributes, momentum: float(0), training_mode: int(1) },
  })
  keepStatistics(b, norm, { mean: own[0] ?? '', variance: own[1] ?? '', keep })
  return y
}

type Own = { readonly mean: string; readonly variance: string; readonly keep: NonNullable<Context['keep']> }

function keepStatistics(b: GraphBuilder, { x, mean, variance, momentum }: BatchNormalization, own: Own): void {
  const count = b
    .shape(x)
    .reduce<number>((product, extent, axis) => (axis === 1 ? product : product * Number(extent)), 1)
  if (!(count > 1)) throw invalid('batch normalisation of a single value')
  const mixed = (old: string, next: string, factor: number): string =>
    b.node('Add', [b.node('Mul', [old, b.scalar(momentum)]), b.node('Mul', [next, b.scalar(factor)])])
  own.keep(mean, mixed(mean, own.mean, 1 - momentum))
  own.keep(variance, mixed(variance, own.variance, ((1 - momentum) * count) / (count - 1)))
}
