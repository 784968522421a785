/**
 * The gradient of long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000): c = f∘c₋₁ + i∘g and h = o∘tanh(c), with input, output and forget gates and a candidate g.
 * ONNX has only the last c for an output: the others are summed up again.
 */
import type { GraphBuilder } from '../../builder.ts'
import { backwards } from './back.ts'
import {
  asRows,
  bySteps,
  complement,
  gateSum,
  type Pass,
  recurrentGradient,
  shifted,
  tanhSlope,
  times,
} from './layer.ts'
import { overTime } from './over-time.ts'

export const lstm = recurrentGradient((b, pass) => {
  const sums = pass.gates.map((gate) => gateSum(b, { x: pass.x, state: pass.before }, gate))
  const [i = '', o = '', f = ''] = sums.slice(0, 3).map((sum) => b.node('Sigmoid', [sum]))
  const g = b.node('Tanh', [sums[3] ?? ''])
  const added = times(b, i, g)
  const first = pass.firstCell()
  const cell = cells(b, pass, { first, f, added })
  const seen = b.node('Tanh', [cell])
  const before = shifted(b, cell, { ...pass, first })
  const factors = [
    f,
    times(b, o, tanhSlope(b, seen)),
    // To the sums of the gates: that of the output from the hidden state's gradient, the others from the cell's.
    times(b, seen, o, complement(b, o)),
    times(b, added, complement(b, i)),
    times(b, before, f, complement(b, f)),
    times(b, i, tanhSlope(b, g)),
  ]
  const [ri = '', ro = '', rf = '', rg = ''] = pass.gates.map(({ r }) => r)
  const { states, collected } = backwards(b, pass, {
    states: [pass.dh, pass.dc()],
    factors,
    weights: [ri, ro, rf, rg],
    step: (inner, { states: [dh = '', dcLater = ''], factors: [kept = '', toCell = '', toOutput = '', ...others] }) => {
      const dc = inner.node('Add', [dcLater, times(inner, dh, toCell)])
      const ofOutput = times(inner, dh, toOutput)
      const [ofInput = '', ofForget = '', ofCandidate = ''] = others.map((factor) => times(inner, dc, factor))
      const through = [ri, rf, rg].reduce(
        (sum, weights, index) => inner.node('Gemm', [[ofInput, ofForget, ofCandidate][index] ?? '', weights, sum]),
        inner.node('MatMul', [ofOutput, ro]),
      )
      return { states: [through, times(inner, dc, kept)], collected: [ofInput, ofOutput, ofForget, ofCandidate] }
    },
  })
  const [dh = '', dc = ''] = states
  return { gates: collected.map((gate) => ({ ofInput: gate, ofState: gate, state: pass.before })), dh, dc }
})

/** The cell after each step, [rows, hidden]: the recurrence is element by element, once its gates are known. */
function cells(
  b: GraphBuilder,
  pass: Pass,
  { first, f, added }: Readonly<Record<'first' | 'f' | 'added', string>>,
): string {
  const { collected } = overTime(b, {
    states: [first],
    scanned: [f, added].map((rows) => bySteps(b, rows, pass)),
    isReversed: pass.isReversed,
    step: (inner, { states: [before = ''], slices: [kept = '', more = ''] }) => {
      const after = inner.node('Add', [times(inner, before, kept), more])
      return { states: [after], collected: [inner.node('Identity', [after])] }
    },
  })
  return asRows(b, collected[0] ?? '', pass)
}
