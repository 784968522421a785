/** The gradient of the simple recurrent layer: h = tanh(W·x + R·h₋₁). */
import { backwards } from './back.ts'
import { tanhSlope, times } from './cell.ts'
import { type CellRule, recurrentGradient } from './layer.ts'

export const rnnCell: CellRule = (b, pass) => {
  const { w, r } = pass
  const { states, collected } = backwards(b, pass, {
    states: [pass.dh],
    factors: [tanhSlope(b, pass.after)],
    weights: [r],
    step: (inner, { states: [dh = ''], factors: [slope = ''] }) => {
      const gate = times(inner, dh, slope)
      return { states: [inner.node('MatMul', [gate, r])], collected: [gate] }
    },
  })
  const [gate = ''] = collected
  return { gates: [{ w, ofInput: gate, ofState: gate, state: pass.before }], dh: states[0] ?? '' }
}

export const rnn = recurrentGradient(rnnCell)
