import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { coded } from '../testing/errors.ts'
import { blobSuite } from './blob-store.suite.ts'
import type { BlobStore } from './blob-store.ts'
import { memoryBlobs } from './memory.ts'
import { recentBlobs } from './recent.ts'

blobSuite('recent', async () => recentBlobs(memoryBlobs()))
// Every blob of the suite is larger than this: all of them go through.
blobSuite('recent, too small for anything', async () => recentBlobs(memoryBlobs(), { blobBytes: 0, totalBytes: 0 }))

/** A store that counts how often it is read. */
function counted(): { store: BlobStore; reads: () => number } {
  const inner = memoryBlobs()
  let reads = 0
  const read: BlobStore['read'] = (...args) => {
    reads += 1
    return inner.read(...args)
  }
  return { store: { ...inner, read }, reads: () => reads }
}

async function put(store: BlobStore, size: number, fill: number): Promise<string> {
  const writer = await store.writer()
  await writer.write(new Uint8Array(size).fill(fill))
  return (await writer.finish()).sha256
}

test('a small blob is read once; a large one each time', async () => {
  const { store, reads } = counted()
  const recent = recentBlobs(store, { blobBytes: 10, totalBytes: 30 })
  const [small, large] = [await put(recent, 10, 1), await put(recent, 11, 2)]
  for (const range of [undefined, { start: 2, end: 5 }, { start: 0, end: 99 }]) {
    const expected = new Uint8Array(10).fill(1).subarray(range?.start, range?.end)
    assert.deepEqual(Uint8Array.from(await recent.read(small, range)), expected)
  }
  assert.equal(reads(), 1)
  for (let time = 0; time < 3; time++) await recent.read(large, { start: 0, end: 1 })
  assert.equal(reads(), 4)
})

test('what was used longest ago makes room, and a deleted blob is gone', async () => {
  const { store, reads } = counted()
  const recent = recentBlobs(store, { blobBytes: 10, totalBytes: 20 })
  const [a, b, c] = [await put(recent, 10, 1), await put(recent, 10, 2), await put(recent, 10, 3)]
  for (const sha256 of [a, b, a, c]) await recent.read(sha256)
  assert.equal(reads(), 3)
  // b made room for c.
  await recent.read(a)
  assert.equal(reads(), 3)
  await recent.read(b)
  assert.equal(reads(), 4)
  await recent.delete(b)
  await assert.rejects(recent.read(b), coded('WR_BLOB_MISSING', { sha256: b }))
  assert.equal(await recent.has(b), false)
})

test('what the store finds damaged is not kept', async () => {
  const inner = memoryBlobs()
  const sha256 = createHash('sha256').update('x').digest('hex')
  let damaged = true
  const store: BlobStore = {
    ...inner,
    size: async () => 1,
    read: async () => {
      if (damaged) throw new Error('not what its name says')
      return Buffer.from('x')
    },
  }
  const recent = recentBlobs(store)
  await assert.rejects(recent.read(sha256), /not what its name says/)
  damaged = false
  assert.deepEqual(Buffer.from(await recent.read(sha256)), Buffer.from('x'))
})
