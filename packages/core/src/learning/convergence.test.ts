import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { judge, type MetricPoint, type StopRule } from './convergence.ts'

const historyOf = (values: readonly (number | null)[]): MetricPoint[] =>
  values.map((value, index) => ({ round: index + 1, value }))
const rule = (changes: Partial<StopRule> = {}): StopRule => ({
  metric: 'loss',
  patience: 2,
  minimumChange: 0,
  ...changes,
})
const verdict = (values: readonly (number | null)[], changes: Partial<StopRule> = {}, maximum = 100) =>
  judge(historyOf(values), rule(changes), maximum)

test('training stops after `patience` rounds in a row that are no better, and names the best', () => {
  assert.deepEqual(verdict([0.9]), { bestRound: 1 })
  assert.deepEqual(verdict([0.9, 0.8, 0.85]), { bestRound: 2 })
  assert.deepEqual(verdict([0.9, 0.8, 0.85, 0.81]), { bestRound: 2, stop: 'converged' })
  // Better just in time.
  assert.deepEqual(verdict([0.9, 0.8, 0.85, 0.79]), { bestRound: 4 })
  assert.deepEqual(verdict([0.9, 0.8], { patience: 1 }), { bestRound: 2 })
  assert.deepEqual(verdict([0.9, 0.9], { patience: 1 }), { bestRound: 1, stop: 'converged' })
})

test('loss and Brier score get better downwards, accuracy and AUROC upwards', () => {
  for (const metric of ['loss', 'brier'] as const) assert.equal(verdict([0.5, 0.4, 0.6], { metric }).bestRound, 2)
  for (const metric of ['accuracy', 'auroc'] as const) assert.equal(verdict([0.5, 0.4, 0.6], { metric }).bestRound, 3)
})

test('a change of the minimum or less is no improvement', () => {
  // In eighths, so that differences are exact.
  assert.deepEqual(verdict([1, 0.875, 0.75], { minimumChange: 0.25 }), { bestRound: 1, stop: 'converged' })
  assert.deepEqual(verdict([1, 0.875, 0.625], { minimumChange: 0.25 }), { bestRound: 3 })
  assert.deepEqual(verdict([0.5, 0.625, 0.75], { metric: 'auroc', minimumChange: 0.25 }), {
    bestRound: 1,
    stop: 'converged',
  })
})

test('hidden and undefined figures are no improvement', () => {
  assert.deepEqual(verdict([0.9, null]), { bestRound: 1 })
  assert.deepEqual(verdict([0.9, null, Number.NaN]), { bestRound: 1, stop: 'converged' })
  assert.deepEqual(verdict([0.9, Number.NEGATIVE_INFINITY]), { bestRound: 1 })
  assert.deepEqual(verdict([null, 0.9]), { bestRound: 2 })
  // Nothing was ever measured: patience ends it, and no round is better than the last.
  assert.deepEqual(verdict([null]), { bestRound: 1 })
  assert.deepEqual(verdict([null, null]), { bestRound: 2, stop: 'converged' })
})

test('the maximum ends training, with the best round so far', () => {
  assert.deepEqual(verdict([0.9, 0.8, 0.85], { patience: 5 }, 3), { bestRound: 2, stop: 'maximum rounds' })
  // Both at once: it had converged.
  assert.deepEqual(verdict([0.9, 0.8, 0.85, 0.85], {}, 4), { bestRound: 2, stop: 'converged' })
})

test('without a rule only the maximum ends training, and the last round is the best', () => {
  assert.deepEqual(judge(historyOf([0.1, 0.9]), undefined, 3), { bestRound: 2 })
  assert.deepEqual(judge(historyOf([0.1, 0.9, 0.8]), undefined, 3), { bestRound: 3, stop: 'maximum rounds' })
})

test('before the first round there is nothing to stop', () => {
  assert.deepEqual(judge([], rule({ patience: 1 }), 5), { bestRound: 0 })
  assert.deepEqual(judge([], undefined, 5), { bestRound: 0 })
})

test('the verdict is that of counting rounds without improvement', () => {
  const values = fc.array(fc.oneof(fc.constantFrom(null, Number.NaN), fc.integer({ min: -20, max: 20 })), {
    minLength: 1,
    maxLength: 30,
  })
  fc.assert(
    fc.property(
      values,
      fc.record(
        {
          metric: fc.constantFrom('loss' as const, 'auroc' as const),
          patience: fc.integer({ min: 1, max: 6 }),
          minimumChange: fc.integer({ min: 0, max: 5 }),
        },
        { noNullPrototype: true },
      ),
      (values, rule) => {
        const sign = rule.metric === 'loss' ? -1 : 1
        let [best, bestRound, idle] = [Number.NEGATIVE_INFINITY, 0, 0]
        values.forEach((value, index) => {
          const better = value !== null && sign * value > best + rule.minimumChange
          if (better) [best, bestRound, idle] = [sign * value, index + 1, 0]
          else idle++
        })
        const found = judge(historyOf(values), rule, 100)
        assert.equal(found.stop, idle >= rule.patience ? 'converged' : undefined)
        assert.equal(found.bestRound, bestRound === 0 ? values.length : bestRound)
      },
    ),
    { numRuns: 500 },
  )
})
