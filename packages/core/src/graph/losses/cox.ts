/**
 * Cox's partial likelihood with Efron's treatment of ties (Cox 1972; Efron 1977, "The Efficiency of Cox's Likelihood Function for Censored Data"), within a
 * batch: −1/records · Σ over events i of η_i − log(Σ over the risk set R_i of e^η − l/d · Σ over the events D_i at the same time of e^η), where i is
 * the l-th of the d in D_i, from 0. Without an event it is 0.
 *
 * By the batch's records and not its events: hospitals' updates are weighed by their records, which cancel, and what is left is the likelihood stratified by
 * hospital, in which events weigh alike. Divided by events, one would weigh more the rarer they are at its hospital.
 */
import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { ints } from '../ir.ts'
import { asNumber, type LossInputs, meanOf, requireShape } from './loss.ts'

/** Who is compared with whom is a matrix of the batch. */
export const comparedBatch = 4096
/** Stands for −∞ where somebody is not in a risk set: its exponential is 0, and differences of it are numbers. */
const nobody = -1e30

/**
 * A scalar from log-hazards [batch, 1] and a target [batch, 2]: the time, and 1 for an event or 0 for the end of observation. Nothing is sorted: row i of a
 * matrix [batch, batch] says who is at risk when i's time comes.
 */
export function coxPartialLikelihood(b: GraphBuilder, { logits, target }: LossInputs): string {
  const batch = b.shape(logits)[0]
  if (typeof batch !== 'number' || batch > comparedBatch)
    throw new WardroundError('WR_GRAPH_REFUSED', {
      problem: `the partial likelihood compares all examples of a batch; it can have ${comparedBatch}, not ${batch}`,
    })
  requireShape(b, logits, [batch, 1])
  requireShape(b, target, [batch, 2])
  const [time, event] = [column(b, target, 0), column(b, target, 1)]
  const atRisk = b.node('LessOrEqual', [time, row(b, time)])
  const terms = b.node('Where', [atRisk, row(b, logits), b.scalar(nobody)])
  // Each row by its own largest, so that no row vanishes beside another.
  const largest = b.node('ReduceMax', [terms, b.axes([1])])
  const hazards = b.node('Exp', [b.node('Sub', [terms, largest])])
  const total = b.node('ReduceSum', [b.node('Mul', [hazards, efronWeights(b, { time, event, batch })]), b.axes([1])])
  const each = b.node('Sub', [b.node('Add', [largest, b.node('Log', [total])]), logits])
  return meanOf(b, b.node('Mul', [each, event]))
}

/** What k counts in i's risk set: 1 − l/d for the events at i's own time, else 1. Never 0, so that nothing is subtracted from a sum that it may equal. */
function efronWeights(
  b: GraphBuilder,
  { time, event, batch }: { readonly time: string; readonly event: string; readonly batch: number },
): string {
  const sameTime = asNumber(b, b.node('Equal', [time, row(b, time)]))
  const tied = b.node('Mul', [sameTime, row(b, event)])
  const number = b.initializer({
    name: `places_${batch}`,
    type: 'float32',
    shape: [batch, 1],
    data: Float32Array.from({ length: batch }, (_, index) => index),
  })
  const before = asNumber(b, b.node('Less', [row(b, number), number]))
  const place = b.node('ReduceSum', [b.node('Mul', [tied, before]), b.axes([1])])
  const count = b.node('Max', [b.node('ReduceSum', [tied, b.axes([1])]), b.scalar(1)])
  // Somebody without an event may come after all those of the same time; that row counts for nothing.
  const share = b.node('Mul', [b.node('Div', [place, count]), event])
  return b.node('Sub', [b.scalar(1), b.node('Mul', [tied, share])])
}

const row = (b: GraphBuilder, columnName: string): string =>
  b.node('Transpose', [columnName], { attributes: { perm: ints([1, 0]) } })

const column = (b: GraphBuilder, matrix: string, index: number): string =>
  b.node('Slice', [matrix, b.axes([index]), b.axes([index + 1]), b.axes([1])])
