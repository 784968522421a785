/** Large models are trained a step at a time: nobody must be able to tell by the bits. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawn } from '@wardround/core/graph/testing/draws.ts'
import fc from 'fast-check'
import type { TrainRequest } from './messages.ts'
import { scheduleOf } from './plan.ts'
import { type Epoch, scanned } from './scanned.ts'
import { type Divided, type Sizes, stepwise } from './stepwise.ts'
import { requests } from './testing/requests.ts'
import { remembered, type Way, type WayOptions } from './way.ts'

const epochs = remembered<Epoch>()
const divided = remembered<Divided>()

async function outcome(request: TrainRequest, wayOf: (options: WayOptions) => Promise<Way>) {
  const given = structuredClone(request)
  const batch = Math.min(given.training.batch, given.data.rows)
  const schedule = scheduleOf(given, { rows: given.data.rows, batch, labels: given.labels })
  const way = await wayOf({ request: given, schedule, batch, goOn: () => undefined })
  const losses = [...(await way.advance(schedule.parts))]
  return { losses, weights: way.weights().map(({ name, data }) => [name, ...data]) }
}

test('step by step, in ranges of any size, training gives the bits of one call for all steps', async () => {
  let ranges = 0
  await fc.assert(
    fc.asyncProperty(requests, fc.integer({ min: 2, max: 3000 }), async (request, values) => {
      const sizes: Sizes = { largeValues: 2, range: { values, rows: 16 } }
      const wanted = await outcome(request, (options) => scanned(epochs, options, { joins: false }))
      const inTwos = await outcome(request, (options) => scanned(epochs, options, { mostSteps: 2, joins: false }))
      assert.deepEqual(inTwos.weights, wanted.weights)
      const found = await outcome(request, (options) => stepwise(divided, options, sizes))
      assert.deepEqual(found.weights, wanted.weights)
      // Of all steps at once their last bit may be another.
      for (const [step, loss] of found.losses.entries()) {
        const other = wanted.losses[step] ?? Number.NaN
        assert.ok(Math.abs(loss - other) <= 2e-6 * Math.max(1, Math.abs(other)), `step ${step}: ${loss} and ${other}`)
      }
      ranges += request.weights.filter(({ data, shape: [rows = 0] }) => data.length > 2 * values && rows > 32).length
    }),
    drawn(90),
  )
  assert.ok(ranges > 10, `${ranges} tensors were cut into ranges`)
})
