/** Random uses of recurrent layers: every direction, with and without biases and first states, with outputs that nobody names. */

import { range } from '../../interpreter/values.ts'
import { type Attribute, int, text, texts } from '../../ir.ts'
import { between, type Draw, either, floats, type Made, oneOf } from '../draws.ts'
import type { Cases, Filling, Maker } from './maker.ts'

type Kind = { readonly gates: number; readonly states: number; readonly attributes: (g: Draw) => Made['attributes'] }

/** In ±¾: with large ones the differences that gradients are held against are coarse. */
const weights: Filling = (g, shape) => {
  const value = floats(g, shape)
  return { ...value, data: value.data.map((x) => x / 4) }
}

const recurrent =
  ({ gates, states, attributes }: Kind): Maker =>
  (g) => {
    const [steps, batch, inputs, hidden] = [between(g, 1, 4), between(g, 1, 2), between(g, 1, 2), between(g, 1, 2)]
    const direction = oneOf(g, ['forward', 'reverse', 'bidirectional'])
    const directions = direction === 'bidirectional' ? 2 : 1
    const maybe = (shape: readonly number[]) => (either(g) ? { value: floats(g, shape) } : undefined)
    const operands = [
      { value: floats(g, [steps, batch, inputs]) },
      { value: weights(g, [directions, gates * hidden, inputs]) },
      { value: weights(g, [directions, gates * hidden, hidden]) },
      maybe([directions, 2 * gates * hidden]),
      undefined,
      ...range(states).map(() => maybe([directions, batch, hidden])),
    ]
    // One at least is named.
    const named = between(g, 0, states)
    return {
      operands: operands.slice(0, operands.findLastIndex((operand) => operand !== undefined) + 1),
      outputs: 1 + states,
      unnamed: range(1 + states).filter((output) => output !== named && either(g)),
      attributes: {
        hidden_size: int(hidden),
        ...(direction === 'forward' && either(g) ? {} : { direction: text(direction) }),
        ...attributes(g),
        // PyTorch's exporter says so of a plain layer, though it is so anyway.
        ...(gates === 1 && either(g) ? { activations: texts(range(directions).map(() => 'Tanh')) } : {}),
      },
    }
  }

const resetting = (g: Draw): Record<string, Attribute> =>
  either(g) ? { linear_before_reset: int(1) } : either(g) ? { linear_before_reset: int(0) } : {}

const layers: Cases['operators'] = {
  RNN: recurrent({ gates: 1, states: 1, attributes: () => ({}) }),
  GRU: recurrent({ gates: 3, states: 1, attributes: resetting }),
  LSTM: recurrent({ gates: 4, states: 2, attributes: () => ({}) }),
}
export const recurrentCases: Cases = { operators: layers, gradients: layers }
