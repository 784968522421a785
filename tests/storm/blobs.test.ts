/** Blobs that a power cut may tear are blobs as every other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blobSuite } from '@wardround/coordinator/blobs/blob-store.suite.ts'
import { appendTo } from '@wardround/coordinator/testing/append.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { crashBlobs } from './blobs.ts'
import { createTally } from './tally.ts'

blobSuite('blobs that crash', async () => crashBlobs(seededRandom([1]), createTally()).blobs)

test('a power cut keeps every blob, and tears uploads: what is left is a part of them, or zeros', async () => {
  const tally = createTally()
  const lengths = new Set<number>()
  for (let seed = 0; seed < 40; seed++) {
    const { blobs, powerCut } = crashBlobs(seededRandom([seed]), tally)
    const whole = Uint8Array.of(1, 2, 3)
    const ref = await blobs.put(whole)
    await appendTo(blobs, 'upload')(0, Uint8Array.of(4, 5, 6, 7))
    await powerCut()
    assert.deepEqual(Uint8Array.from(await blobs.read(ref.sha256)), whole)
    lengths.add(await blobs.staged.receivedBytes('upload'))
  }
  assert.ok(lengths.has(0) && lengths.has(4) && lengths.size > 2)
  assert.ok(tally.counts.uploadTorn > 0 && tally.counts.uploadTorn < 40)
})
