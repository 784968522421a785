/** Dropout. */
import type { SpecOf } from '../../study/layers.ts'
import type { Layer, Place } from './layer.ts'

/** Inverted dropout (Srivastava et al. 2014): what is kept is scaled up, so that prediction needs no change. */
export const dropoutLayer = ({ dropout: rate }: SpecOf<'dropout'>, { name, input }: Place): Layer => ({
  name,
  output: input,
  weights: [],
  draws: rate > 0 ? [{ name, extents: input }] : [],
  append(b, x, { draws }) {
    const drawn = draws?.get(name)
    if (drawn === undefined || rate === 0) return x
    const kept = b.node('GreaterOrEqual', [drawn, b.scalar(rate)])
    return b.node('Mul', [x, b.node('Where', [kept, b.scalar(1 / (1 - rate)), b.scalar(0)])])
  },
})
