/**
 * The gradient of long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000): c = f∘c₋₁ + i∘g and h = o∘tanh(c), with gates i, o and f for
 * input, output and forgetting, and a candidate g. ONNX has only the last c for an output: the others are summed up again.
 */
import type { GraphBuilder } from '../../builder.ts'
import { int } from '../../ir.ts'
import { backwards } from './back.ts'
import { complement, gateSum, tanhSlope, times } from './cell.ts'
import { type CellRule, recurrentGradient } from './layer.ts'
import { overTime } from './over-time.ts'
import { asRows, bySteps, type Pass, shifted } from './pass.ts'

export const lstmCell: CellRule = (b, pass) => {
  const sums = pass.gates.map((gate) => gateSum(b, { x: pass.x, state: pass.before }, gate))
  const [i = '', o = '', f = ''] = sums.slice(0, 3).map((sum) => b.node('Sigmoid', [sum]))
  const g = b.node('Tanh', [sums[3] ?? ''])
  const added = times(b, i, g)
  const first = pass.firstCell
  const cell = cells(b, pass, { first, f, added })
  const seen = b.node('Tanh', [cell])
  const before = shifted(b, cell, { ...pass, first })
  // To the sums of the gates: that of the output from the gradient of the hidden state, the others from the cell's.
  const toSums = b.node(
    'Concat',
    [
      times(b, added, complement(b, i)),
      times(b, seen, o, complement(b, o)),
      times(b, before, f, complement(b, f)),
      times(b, i, tanhSlope(b, g)),
    ],
    { attributes: { axis: int(1) } },
  )
  const { r } = pass
  const { states, collected } = backwards(b, pass, {
    states: [pass.dh, pass.dc],
    factors: [f, times(b, o, tanhSlope(b, seen)), toSums],
    weights: [r],
    step: (inner, { states: [dh = '', dcLater = ''], factors: [kept = '', toCell = '', toSums = ''] }) => {
      const dc = inner.node('Add', [dcLater, times(inner, dh, toCell)])
      const side = inner.node('Concat', [dc, dh, dc, dc], { attributes: { axis: int(1) } })
      const gates = times(inner, side, toSums)
      return { states: [inner.node('MatMul', [gates, r]), times(inner, dc, kept)], collected: [gates] }
    },
  })
  const [[dh = '', dc = ''], [gates = '']] = [states, collected]
  return { gates: [{ w: pass.w, ofInput: gates, ofState: gates, state: pass.before }], dh, dc }
}

export const lstm = recurrentGradient(lstmCell)

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
