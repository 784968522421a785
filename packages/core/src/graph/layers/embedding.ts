/** Numbers that stand for things, and the places of steps in a series. */
import type { SpecOf } from '../../study/layers.ts'
import { int } from '../ir.ts'
import { kernel, type Layer, misfit, type Place } from './layer.ts'

/** `NAME.embeddings` [embedding, outputs], uniform in ±0.05 as Keras's. What comes in are whole numbers in [0, embedding), as floats. */
export const embeddingLayer = ({ embedding, outputs }: SpecOf<'embedding'>, { name, input }: Place): Layer => ({
  name,
  output: [...input, outputs],
  weights: [{ ...kernel(`${name}.embeddings`, [embedding, outputs], { uniform: 0.05 }), penalised: false }],
  draws: [],
  append(b, x) {
    const within = b.node('Clip', [x, b.scalar(0), b.scalar(embedding - 1)])
    return b.node('Gather', [`${name}.embeddings`, b.node('Cast', [within], { attributes: { to: int(7) } })])
  },
})

/** sin(t/10000^(2i/features)) and cos of the same, in turn (Vaswani et al. 2017, section 3.5). Errors: WR_STUDY_INVALID for what is no series. */
export function positionalEncodingLayer({ name, input }: Place): Layer {
  const [steps = 0, features = 0] = input
  if (input.length !== 2) throw misfit('model.layers', `${name} needs [steps, features] and gets [${input.join(', ')}]`)
  const table = Array.from({ length: steps * features }, (_, index) => {
    const [step, feature] = [Math.floor(index / features), index % features]
    const angle = step / 10_000 ** ((feature - (feature % 2)) / features)
    return feature % 2 === 0 ? Math.sin(angle) : Math.cos(angle)
  })
  return {
    name,
    output: input,
    weights: [],
    draws: [],
    append: (b, x) => b.node('Add', [x, b.table([steps, features], table)]),
  }
}
