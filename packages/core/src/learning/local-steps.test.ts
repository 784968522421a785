import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plannedSteps } from './local-steps.ts'

test('by epochs, steps follow from the records; by steps, they are the same everywhere', () => {
  assert.deepEqual(
    [32, 33, 7].map((records) => plannedSteps({ batch: 32, epochs: 5 }, records)),
    [5, 10, 5],
  )
  assert.deepEqual(
    [32, 33, 7].map((records) => plannedSteps({ batch: 32, steps: 100 }, records)),
    [100, 100, 100],
  )
})
