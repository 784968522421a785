/** From an image's levels to model inputs: bytes until here, so that a data set of images takes a quarter of the memory. */
import type { GraphBuilder } from './builder.ts'
import { int, type ValueInfo } from './ir.ts'

const meanName = 'pixels/mean'
const deviationName = 'pixels/deviation'

/** [channels, 1, 1] each: hospitals that normalise by themselves have values of their own. Of a pooled data set [groups, channels, 1, 1]. */
export const pixelScaleInputs = ([channels = 1]: readonly number[], groups?: number): readonly ValueInfo[] =>
  [meanName, deviationName].map((name) => ({
    name,
    type: 'float32',
    shape: [...(groups === undefined ? [] : [groups]), channels, 1, 1],
  }))

/** Numbers of levels uint8. */
export const appendLevels = (b: GraphBuilder, levels: string): string =>
  b.node('Cast', [levels], { attributes: { to: int(1) } })

type Scale = { readonly mean: string; readonly deviation: string }

/** z-scores [batch, channels, height, width] of levels; `b` knows what to scale by. `group`: whose image each is. */
export function appendScale(
  b: GraphBuilder,
  levels: string,
  { group, scale }: { group?: string; scale?: Scale } = {},
): string {
  const own = (name: string): string => (group === undefined ? name : b.node('Gather', [name, group]))
  const { mean, deviation } = scale ?? { mean: own(meanName), deviation: own(deviationName) }
  return b.node('Div', [b.node('Sub', [levels, mean]), deviation])
}
