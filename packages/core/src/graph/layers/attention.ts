/** Self-attention (Vaswani et al. 2017, section 3.2). */
import type { SpecOf } from '../../study/layers.ts'
import { ints } from '../ir.ts'
import { affineWeights, appendAffine } from './dense.ts'
import { type Layer, misfit, type Place } from './layer.ts'

/**
 * softmax(q·kᵀ/√keyDim)·v over so many heads, and a product that puts the heads together. `NAME.query.kernel`, `NAME.key.kernel` and `NAME.value.kernel`
 * [features, heads·keyDim], `NAME.output.kernel` [heads·keyDim, features], and a bias each. Errors: WR_STUDY_INVALID.
 */
export function selfAttentionLayer(
  { selfAttention: heads, keyDim, bias }: SpecOf<'selfAttention'>,
  { name, input }: Place,
): Layer {
  const [steps = 0, features = 0] = input
  const each = keyDim ?? features / heads
  if (input.length !== 2) throw misfit('model.layers', `${name} needs [steps, features] and gets [${input.join(', ')}]`)
  if (!Number.isInteger(each))
    throw misfit('model.layers', `${name}: ${heads} heads do not divide ${features} features; say keyDim`)
  const width = heads * each
  const named = (part: string) => ({
    kernel: `${name}.${part}.kernel`,
    ...(bias ? { bias: `${name}.${part}.bias` } : {}),
  })
  return {
    name,
    output: input,
    weights: [
      ...['query', 'key', 'value'].flatMap((part) => affineWeights(named(part), [features, width])),
      ...affineWeights(named('output'), [width, features]),
    ],
    draws: [],
    append(b, x) {
      // [batch, heads, steps, each], and the keys with the last two the other way round.
      const split = (part: string, order: readonly number[]): string =>
        b.node(
          'Transpose',
          [b.node('Reshape', [appendAffine(b, { x, ...named(part) }), b.axes([0, steps, heads, each])])],
          {
            attributes: { perm: ints(order) },
          },
        )
      const query = b.node('Mul', [split('query', [0, 2, 1, 3]), b.scalar(1 / Math.sqrt(each))])
      const scores = b.node('Softmax', [b.node('MatMul', [query, split('key', [0, 2, 3, 1])])])
      const seen = b.node('MatMul', [scores, split('value', [0, 2, 1, 3])])
      const together = b.node('Transpose', [seen], { attributes: { perm: ints([0, 2, 1, 3]) } })
      return appendAffine(b, { x: b.node('Reshape', [together, b.axes([0, steps, width])]), ...named('output') })
    },
  }
}
