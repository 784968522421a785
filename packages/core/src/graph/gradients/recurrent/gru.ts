/**
 * The gradient of gated recurrent units (Cho et al. 2014): h = (1 − z)∘n + z∘h₋₁, with update gate z, reset gate r, and a candidate n that sees the state
 * through r: before it is multiplied with R or, with linear_before_reset, after.
 */
import type { GraphBuilder } from '../../builder.ts'
import { intAttribute } from '../../ir.ts'
import { backwards } from './back.ts'
import { complement, gateSum, ofInput, ofState, tanhSlope, times } from './cell.ts'
import { type CellRule, type Found, recurrentGradient } from './layer.ts'
import type { Gate, Pass } from './pass.ts'

type Gates = readonly [update: Gate, reset: Gate, candidate: Gate]

export const gruCell: CellRule = (b, pass, node) => {
  const [update, reset, candidate] = pass.gates
  if (update === undefined || reset === undefined || candidate === undefined)
    throw new TypeError('a GRU has three gates')
  const rule = intAttribute(node, 'linear_before_reset', 0) === 0 ? resetFirst : linearFirst
  return rule(b, pass, [update, reset, candidate])
}

export const gru = recurrentGradient(gruCell)

const sigmoidSum = (b: GraphBuilder, { x, before }: Pass, gate: Gate): string =>
  b.node('Sigmoid', [gateSum(b, { x, state: before }, gate)])

/** What the gradient of a state is multiplied with to become that of the sum in the update gate, and that of the sum in the candidate. */
function slopes(b: GraphBuilder, { before }: Pass, { z, n }: { z: string; n: string }) {
  const rest = complement(b, z)
  return { toUpdate: times(b, b.node('Sub', [before, n]), z, rest), toCandidate: times(b, rest, tanhSlope(b, n)) }
}

/** n = tanh(W·x + r∘(R·h₋₁)): every gate's gradient is a multiple of the state's. */
function linearFirst(b: GraphBuilder, pass: Pass, [update, reset, candidate]: Gates): Found {
  const [z, r] = [sigmoidSum(b, pass, update), sigmoidSum(b, pass, reset)]
  const remembered = ofState(b, pass.before, candidate)
  const n = b.node('Tanh', [b.node('Add', [ofInput(b, pass, candidate), times(b, r, remembered)])])
  const { toUpdate, toCandidate } = slopes(b, pass, { z, n })
  const toRemembered = times(b, toCandidate, r)
  const toReset = times(b, toRemembered, remembered, complement(b, r))
  const factors = [z, toUpdate, toReset, toCandidate, toRemembered]
  const weights = [update.r, reset.r, candidate.r]
  const { states, collected } = backwards(b, pass, {
    states: [pass.dh],
    factors,
    weights,
    step: (inner, { states: [dh = ''], factors: [kept = '', ...others] }) => {
      const gates = others.map((factor) => times(inner, dh, factor))
      const [ofUpdate = '', ofReset = '', , ofRemembered = ''] = gates
      return {
        states: [
          [ofUpdate, ofReset, ofRemembered].reduce(
            (sum, gate, index) => inner.node('Gemm', [gate, weights[index] ?? '', sum]),
            times(inner, dh, kept),
          ),
        ],
        collected: gates,
      }
    },
  })
  const [ofUpdate = '', ofReset = '', ofCandidate = '', ofRemembered = ''] = collected
  const state = pass.before
  return {
    gates: [
      { w: update.w, ofInput: ofUpdate, ofState: ofUpdate, state },
      { w: reset.w, ofInput: ofReset, ofState: ofReset, state },
      { w: candidate.w, ofInput: ofCandidate, ofState: ofRemembered, state },
    ],
    dh: states[0] ?? '',
  }
}

/** n = tanh(W·x + R·(r∘h₋₁)): the reset gate's gradient comes through R. */
function resetFirst(b: GraphBuilder, pass: Pass, [update, reset, candidate]: Gates): Found {
  const [z, r] = [sigmoidSum(b, pass, update), sigmoidSum(b, pass, reset)]
  const seen = times(b, r, pass.before)
  const n = b.node('Tanh', [gateSum(b, { x: pass.x, state: seen }, candidate)])
  const { toUpdate, toCandidate } = slopes(b, pass, { z, n })
  const { states, collected } = backwards(b, pass, {
    states: [pass.dh],
    factors: [z, r, toUpdate, toCandidate, times(b, seen, complement(b, r))],
    weights: [update.r, reset.r, candidate.r],
    step: (
      inner,
      { states: [dh = ''], factors: [kept = '', open = '', toUpdate = '', toCandidate = '', toReset = ''] },
    ) => {
      const [ofUpdate, ofCandidate] = [times(inner, dh, toUpdate), times(inner, dh, toCandidate)]
      const ofSeen = inner.node('MatMul', [ofCandidate, candidate.r])
      const ofReset = times(inner, ofSeen, toReset)
      const direct = inner.node('Add', [times(inner, dh, kept), times(inner, ofSeen, open)])
      const updated = inner.node('Gemm', [ofUpdate, update.r, direct])
      return { states: [inner.node('Gemm', [ofReset, reset.r, updated])], collected: [ofUpdate, ofReset, ofCandidate] }
    },
  })
  const [ofUpdate = '', ofReset = '', ofCandidate = ''] = collected
  return {
    gates: [
      { w: update.w, ofInput: ofUpdate, ofState: ofUpdate, state: pass.before },
      { w: reset.w, ofInput: ofReset, ofState: ofReset, state: pass.before },
      { w: candidate.w, ofInput: ofCandidate, ofState: ofCandidate, state: seen },
    ],
    dh: states[0] ?? '',
  }
}
