import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Loss } from '../../study/loss.ts'
import { type GraphBuilder, graphBuilder } from '../builder.ts'
import { differentiate } from '../differentiate.ts'
import { run } from '../interpreter/interpret.ts'
import { float32, type NumberValue, numbers, type Values } from '../interpreter/values.ts'
import { appendL2, appendProximal } from './penalties.ts'
import { appendLoss } from './registry.ts'

const column = (data: readonly number[]): NumberValue => float32([data.length, 1], data)
const value = (values: Values, name: string): readonly number[] => numbers(values[name] ?? assert.fail(name)).data
const near = (found: readonly number[], wanted: readonly number[], tolerance = 1e-9): void =>
  assert.ok(
    found.length === wanted.length &&
      wanted.every((expected, index) => Math.abs(expected - (found[index] ?? Number.NaN)) <= tolerance),
    `[${found.join(', ')}] and [${wanted.join(', ')}]`,
  )

/** The loss and its gradient by the logits. */
function lossOf(
  loss: Loss,
  { logits, target, weight }: { logits: NumberValue; target: readonly number[]; weight?: readonly number[] },
): { loss: number; gradient: readonly number[] } {
  const b = graphBuilder()
  const feeds: Record<string, NumberValue> = { logits, target: column(target) }
  if (weight !== undefined) feeds.weight = column(weight)
  for (const [name, { shape }] of Object.entries(feeds)) b.input({ name, type: 'float32', shape })
  const total = appendLoss(b, loss, { logits: 'logits', target: 'target', ...(weight && { weight: 'weight' }) })
  assert.deepEqual(b.shape(total), [])
  const [gradient = ''] = differentiate(b, total, ['logits'])
  const values = run(b.build('loss', [total, gradient]), feeds)
  return { loss: value(values, total)[0] ?? Number.NaN, gradient: value(values, gradient) }
}

test('binary cross-entropy: ln 2 where nothing is known; −ln of the probability of what happened', () => {
  const zero = lossOf('binaryCrossEntropy', { logits: column([0, 0]), target: [0, 1] })
  near([zero.loss, ...zero.gradient], [Math.LN2, 0.25, -0.25])
  // σ(ln 3) = 3/4.
  const three = column([Math.log(3)])
  near([lossOf('binaryCrossEntropy', { logits: three, target: [1] }).loss], [-Math.log(3 / 4)])
  near([lossOf('binaryCrossEntropy', { logits: three, target: [0] }).loss], [-Math.log(1 / 4)])
})

test('categorical cross-entropy: ln k where nothing is known; −ln of the probability of the class', () => {
  const even = lossOf('categoricalCrossEntropy', { logits: float32([1, 3], [7, 7, 7]), target: [2] })
  near([even.loss, ...even.gradient], [Math.log(3), 1 / 3, 1 / 3, -2 / 3])
  // Probabilities 1/6, 2/6, 3/6.
  const logits = float32([2, 3], [0, Math.log(2), Math.log(3), 0, Math.log(2), Math.log(3)])
  near([lossOf('categoricalCrossEntropy', { logits, target: [0, 2] }).loss], [(Math.log(6) + Math.log(2)) / 2])
})

test('of two classes the categorical loss is the binary one', () => {
  const z = fc.double({ min: -20, max: 20, noNaN: true })
  fc.assert(
    fc.property(z, fc.integer({ min: 0, max: 1 }), (logit, target) => {
      const binary = lossOf('binaryCrossEntropy', { logits: column([logit]), target: [target] })
      const both = lossOf('categoricalCrossEntropy', { logits: float32([1, 2], [0, logit]), target: [target] })
      near([both.loss, ...both.gradient], [binary.loss, -(binary.gradient[0] ?? Number.NaN), ...binary.gradient])
    }),
  )
})

test('squared error: the mean of (z − y)², without a half', () => {
  const { loss, gradient } = lossOf('meanSquaredError', { logits: column([1, -2]), target: [3, 1] })
  // (4 + 9) / 2; 2(z − y) / 2.
  assert.deepEqual([loss, ...gradient], [6.5, -2, -3])
})

test('logits far out give large losses, never infinity or NaN', () => {
  const binary = lossOf('binaryCrossEntropy', { logits: column([1000, 1000, -1000, -1000]), target: [1, 0, 1, 0] })
  near([binary.loss, ...binary.gradient], [500, 0, 0.25, -0.25, 0])
  const logits = float32([2, 2], [1000, -1000, 1000, -1000])
  const both = lossOf('categoricalCrossEntropy', { logits, target: [0, 1] })
  near([both.loss, ...both.gradient], [1000, 0, 0, 0.5, -0.5])
})

test('weights multiply each example’s loss; the batch size divides, not the sum of the weights', () => {
  const logits = column([0, 0, 0, 0])
  const { loss, gradient } = lossOf('binaryCrossEntropy', { logits, target: [0, 1, 0, 1], weight: [0, 1, 2, 3] })
  near([loss, ...gradient], [(6 / 4) * Math.LN2, 0, -1 / 8, 2 / 8, -3 / 8])
  const squared = lossOf('meanSquaredError', { logits: column([1, 2]), target: [0, 0], weight: [3, 0.5] })
  // (3·1 + ½·4) / 2.
  assert.deepEqual([squared.loss, ...squared.gradient], [2.5, 3, 1])
  const even = float32([2, 2], [0, 0, 0, 0])
  near([lossOf('categoricalCrossEntropy', { logits: even, target: [0, 1], weight: [3, 1] }).loss], [2 * Math.LN2])
})

test('one example’s pull does not depend on the weights of the others', () => {
  const pull = (other: number) =>
    lossOf('binaryCrossEntropy', { logits: column([1, -1]), target: [0, 1], weight: [2, other] }).gradient[0]
  assert.equal(pull(0), pull(100))
})

/** A penalty on u [2] and w [2, 1], with its gradients. */
function penaltyOf(append: (b: GraphBuilder) => string | undefined, feeds: Values = {}): readonly number[] {
  const b = graphBuilder()
  const all: Values = { u: float32([2], [1, -2]), w: float32([2, 1], [3, 0.5]), ...feeds }
  for (const [name, { shape }] of Object.entries(all)) b.input({ name, type: 'float32', shape })
  const penalty = append(b) ?? assert.fail('no penalty')
  assert.deepEqual(b.shape(penalty), [])
  const gradients = differentiate(b, penalty, ['u', 'w'])
  const values = run(b.build('penalty', [penalty, ...gradients]), all)
  return [penalty, ...gradients].flatMap((name) => value(values, name))
}

test('L2: λ/2 · Σ w², with λw as its gradient; none at all for λ = 0', () => {
  // ¼ · (1 + 4 + 9 + ¼).
  assert.deepEqual(
    penaltyOf((b) => appendL2(b, 0.5, ['u', 'w'])),
    [3.5625, 0.5, -1, 1.5, 0.25],
  )
  const b = graphBuilder()
  assert.equal(appendL2(b, 0, ['u']), undefined)
  assert.deepEqual(b.nodes(), [])
})

test('the proximal term: μ/2 · ‖w − anchor‖², with μ(w − anchor) as its gradient (Li et al. 2020)', () => {
  const pairs = ['u', 'w'].map((weight) => ({ weight, anchor: `anchor/${weight}` }))
  const anchors = { 'anchor/u': float32([2], [0, -2]), 'anchor/w': float32([2, 1], [1, 1]) }
  // ¼ · (1 + 0 + 4 + ¼).
  assert.deepEqual(
    penaltyOf((b) => appendProximal(b, 0.5, pairs), anchors),
    [1.3125, 0.5, 0, 1, -0.25],
  )
})
