/** What a hospital says of its training beside the change of the weights. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { updateFacts } from '@wardround/core/protocol/update.ts'
import { parseHeader } from '@wardround/core/safetensors.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { runTask } from './task.ts'
import { hospital, testPlan } from './testing/hospital.ts'

/** What the update of round 1 says, and the weights of which predictions were asked. */
async function trained(t: TestContext, strategy: object) {
  const at = await hospital({ plan: { ...testPlan, strategy } })
  t.after(at.remove)
  await at.say('approved')
  const predicted: Weights[] = []
  at.trainer.predict = async ({ data, weights }) => {
    predicted.push(weights)
    return new Float32Array(data.rows).fill(0.25)
  }
  const train = at.trainer.train
  at.trainer.train = async (...given) => ({ ...(await train(...given)), steps: 4 })
  const task = at.tasks.train(1)
  await at.coordinator.give(task)
  const site = await at.open()
  const { task: signed } = await site.client.call('nextTask', { query: { wait: 0 } })
  assert.ok(signed)
  await runTask(site, signed)
  const update = at.coordinator.state.staged.get(task.id) ?? new Uint8Array()
  return { facts: updateFacts(parseHeader(update, update.length)), predicted }
}

test('an update says its records and its steps, and nothing is predicted for it', async (t) => {
  const { facts, predicted } = await trained(t, { fedAvg: {} })
  assert.deepEqual([facts.numExamples, facts.numSteps], [28, 4])
  assert.deepEqual(Object.keys(facts.measurements).toSorted(), ['trainingLoss', 'updateNorm'])
  assert.deepEqual(predicted, [])
})

test('where the strategy asks, it says the mean loss of the training records at the weights that it was given', async (t) => {
  const { facts, predicted } = await trained(t, { qFedAvg: { q: 1, lipschitz: 10 } })
  // Of 28 patients 14 are ill, and the prediction is ¼ for each.
  const wanted = -(Math.log(0.25) + Math.log(0.75)) / 2
  assert.ok(Math.abs((facts.measurements.lossBefore ?? Number.NaN) - wanted) < 1e-12)
  assert.deepEqual(
    predicted.map((weights) => weights.map(({ name, data }) => [name, [...data]])),
    // The shared weight as it came, and this hospital's own first bias: as many are ill as are not.
    [
      [
        ['output.kernel', [0.25]],
        ['output.bias', [0]],
      ],
    ],
  )
})
