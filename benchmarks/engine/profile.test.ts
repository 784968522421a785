import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventsIn, ownTimes } from './profile.ts'

const node = (op_name: string, ts: number, dur: number) => ({
  cat: 'Node',
  name: `${op_name}_kernel_time`,
  ts,
  dur,
  args: { op_name },
})

test('what is inside of an operator is not counted twice, however deep', () => {
  const events = eventsIn(
    JSON.stringify([
      { cat: 'Session', name: 'model_run', ts: 0, dur: 200 },
      // Told when they end: the outer one comes last.
      node('Conv', 20, 30),
      node('MatMul', 60, 10),
      node('Scan', 55, 20),
      node('Conv', 75, 5),
      node('Scan', 10, 100),
      node('Relu', 110, 7),
      { cat: 'Node', name: 'Relu_fence_before', ts: 110, dur: 0, args: { op_name: 'Relu' } },
    ]),
  )
  assert.deepEqual(ownTimes(events), [
    ['Scan', 100 - 30 - 20 - 5 + (20 - 10)],
    ['Conv', 35],
    ['MatMul', 10],
    ['Relu', 7],
  ])
})
