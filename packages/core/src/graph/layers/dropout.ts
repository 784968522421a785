/** Dropout. */
import type { SpecOf } from '../../study/layers.ts'
import type { GraphBuilder } from '../builder.ts'
import type { Context, Layer, Place } from './layer.ts'

export const dropoutLayer = ({ dropout: rate }: SpecOf<'dropout'>, { name, input }: Place): Layer => ({
  name,
  output: input,
  weights: [],
  draws: rate > 0 ? [{ name, extents: input }] : [],
  append: (b, x, context) => appendDropout(b, { name, x, rate }, context),
})

/** Inverted dropout (Srivastava et al. 2014): what is kept is scaled up, so that prediction needs no change. */
export function appendDropout(
  b: GraphBuilder,
  { name, x, rate }: { name: string; x: string; rate: number },
  { draw }: Context,
): string {
  const drawn = draw?.({ name, extents: b.shape(x).slice(1).map(Number) })
  if (drawn === undefined || rate === 0) return x
  const kept = b.node('GreaterOrEqual', [drawn, b.scalar(rate)])
  return b.node('Mul', [x, b.node('Where', [kept, b.scalar(1 / (1 - rate)), b.scalar(0)])])
}
