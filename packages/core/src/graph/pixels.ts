/** From an image's levels to model inputs: bytes until here, so that a data set of images takes a quarter of the memory. */
import type { GraphBuilder } from './builder.ts'
import { int, type ValueInfo } from './ir.ts'

/** [channels, 1, 1] each: hospitals that normalise by themselves have values of their own. */
export const pixelScaleInputs = ([channels = 1]: readonly number[]): readonly ValueInfo[] =>
  [meanName, deviationName].map((name) => ({ name, type: 'float32', shape: [channels, 1, 1] }))

const [meanName, deviationName] = ['pixels/mean', 'pixels/deviation']

/** z-scores [batch, channels, height, width] of levels uint8; `b` knows what to scale by. */
export function appendPixels(
  b: GraphBuilder,
  levels: string,
  scale = { mean: meanName, deviation: deviationName },
): string {
  const numbers = b.node('Cast', [levels], { attributes: { to: int(1) } })
  return b.node('Div', [b.node('Sub', [numbers, scale.mean]), scale.deviation])
}
