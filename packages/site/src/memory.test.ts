import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'
import { buffersOf, letGo } from './memory.ts'

const largeModel = fileURLToPath(new URL('testing/large-model.ts', import.meta.url))
const toldSchema = z.strictObject({ modelBytes: z.number(), grownBytes: z.number() })

test('a site that trains, measures and finishes never needs three times its model more than it needs for a small one', {
  skip: process.platform !== 'linux' && 'only Linux says what a process had in memory',
}, async () => {
  // 9 MB, so that everything is loaded that a large one needs, and 64 MB.
  const { stdout } = await promisify(execFile)(process.execPath, [largeModel, '1500', '4000'])
  const { modelBytes, grownBytes } = toldSchema.parse(JSON.parse(stdout))
  assert.ok(modelBytes > 64e6)
  // Once at least: the weights that are trained.
  assert.ok(grownBytes > 0.9 * modelBytes, `${grownBytes} bytes of memory for ${modelBytes} of weights`)
  assert.ok(grownBytes < 3 * modelBytes, `${grownBytes} bytes of memory for ${modelBytes} of weights`)
})

test('what is let go is empty, with all that shares its memory, and nothing else is', () => {
  const shared = new Float32Array(8)
  const [one, two, other] = [shared.subarray(0, 3), new Uint8Array(shared.buffer, 16), new Float32Array(2)]
  assert.deepEqual(buffersOf([one, two, other, one]), [shared.buffer, other.buffer])
  letGo([one, two])
  assert.deepEqual(
    [shared, one, two, other].map(({ length }) => length),
    [0, 0, 0, 2],
  )
})
