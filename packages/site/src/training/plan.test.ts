import assert from 'node:assert/strict'
import { test } from 'node:test'
import { permutation, seededRandom } from '@wardround/core/random.ts'
import fc from 'fast-check'
import { batchIndices, dropoutDraws, scheduleOf, stepIndices } from './plan.ts'

const sizes = fc.record({ rows: fc.integer({ min: 1, max: 40 }), batch: fc.integer({ min: 1, max: 40 }) })
/** A call never has batches larger than its data. */
const fitting = sizes.map(({ rows, batch }) => ({ rows, batch: Math.min(rows, batch), labels: ['test', 7] }))

test('an epoch is a permutation; its last batch is filled up from the start of the same one', () => {
  fc.assert(
    fc.property(fitting, fc.integer({ min: 1, max: 3 }), (plan, count) => {
      const perEpoch = Math.ceil(plan.rows / plan.batch) * plan.batch
      const indices = batchIndices(plan, { from: 0, count })
      assert.equal(indices.length, perEpoch * count)
      for (let epoch = 0; epoch < count; epoch++) {
        const own = indices.subarray(epoch * perEpoch, (epoch + 1) * perEpoch)
        assert.deepEqual(
          own.slice(0, plan.rows).toSorted(),
          Int32Array.from({ length: plan.rows }, (_, row) => row),
        )
        assert.deepEqual(own.slice(plan.rows), own.slice(0, perEpoch - plan.rows))
      }
    }),
  )
})

test('an epoch has the same order whichever call it falls into, and each its own', () => {
  fc.assert(
    fc.property(fitting, fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 4 }), (plan, from, count) => {
      const whole = batchIndices(plan, { from: 0, count: from + count })
      const perEpoch = whole.length / (from + count)
      assert.deepEqual(batchIndices(plan, { from, count }), whole.slice(from * perEpoch))
    }),
  )
  const plan = { rows: 30, batch: 30, labels: ['test'] }
  const epochs = [0, 1, 2].map((from) => batchIndices(plan, { from, count: 1 }).join())
  assert.equal(new Set(epochs).size, 3)
  assert.notDeepEqual(batchIndices({ ...plan, labels: ['other'] }, { from: 0, count: 1 }).join(), epochs[0])
})

test('steps are one permutation after another, cut into batches, whichever steps a call takes', () => {
  fc.assert(
    fc.property(fitting, fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 30 }), (plan, from, count) => {
      const { rows, batch, labels } = plan
      const epochs = Math.ceil(((from + count) * batch) / rows)
      const endless = Array.from({ length: epochs }, (_, epoch) => [
        ...permutation(rows, seededRandom([...labels, 'shuffle', epoch])),
      ]).flat()
      assert.deepEqual([...stepIndices(plan, { from, count })], endless.slice(from * batch, (from + count) * batch))
    }),
  )
})

test('a schedule says which pass over the records a step belongs to', () => {
  const order = { rows: 10, batch: 4, labels: ['test'] }
  // An epoch of 10 records has 3 batches of 4; in steps, the third batch (records 8 to 11) begins in the first pass.
  const { epochOf, parts } = scheduleOf({ epochs: 2 }, order)
  assert.deepEqual([parts, [0, 2, 3, 5].map(epochOf)], [{ from: 0, count: 2 }, [1, 1, 2, 2]])
  const bySteps = scheduleOf({ steps: 6, from: 12 }, order)
  assert.deepEqual([bySteps.parts, [0, 2, 3, 5].map(bySteps.epochOf)], [{ from: 12, count: 6 }, [1, 1, 2, 3]])
})

test('draws are uniform in [0, 1), a stream for each layer and epoch, whichever call it falls into', () => {
  const plan = { layer: 'dropout', labels: ['test'], valuesPerPart: 5000 }
  const whole = dropoutDraws(plan, { from: 0, count: 3 })
  assert.equal(whole.length, 15_000)
  assert.ok(whole.every((value) => value >= 0 && value < 1))
  // Below ¼ are a quarter of them, within five standard errors.
  const share = whole.filter((value) => value < 0.25).length / whole.length
  assert.ok(Math.abs(share - 0.25) < 5 * Math.sqrt((0.25 * 0.75) / whole.length), `${share}`)
  assert.deepEqual(dropoutDraws(plan, { from: 1, count: 2 }), whole.slice(5000))
  const streams = [
    whole.slice(0, 5000),
    whole.slice(5000, 10_000),
    dropoutDraws({ ...plan, layer: 'dropout_2' }, { from: 0, count: 1 }),
    dropoutDraws({ ...plan, labels: ['other'] }, { from: 0, count: 1 }),
  ]
  assert.equal(new Set(streams.map((stream) => stream.slice(0, 8).join())).size, 4)
})
