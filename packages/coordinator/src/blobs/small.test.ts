import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { openStore } from '../store/store.ts'
import { appendTo } from '../testing/append.ts'
import { coded } from '../testing/errors.ts'
import { blobSuite } from './blob-store.suite.ts'
import type { BlobStore } from './blob-store.ts'
import { memoryBlobs } from './memory.ts'
import { smallBlobs } from './small.ts'

const openMemory = () => openStore({ kind: 'sqlite', path: ':memory:' }, () => '2026-01-01T00:00:00.000Z')

blobSuite('small', async () => smallBlobs(await openMemory(), memoryBlobs()))
// The suite's blobs lie on either side of this.
blobSuite('small and large', async () => smallBlobs(await openMemory(), memoryBlobs(), 100))

const nameOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const small = Buffer.from('three small weights')
const large = Buffer.alloc(101, 'w')

async function both(): Promise<{
  blobs: BlobStore
  beneath: BlobStore
  store: Awaited<ReturnType<typeof openMemory>>
}> {
  const [store, beneath] = [await openMemory(), memoryBlobs()]
  return { blobs: smallBlobs(store, beneath, 100), beneath, store }
}

test('what is small is in the database and nowhere else; what is large is not in it', async () => {
  const { blobs, beneath, store } = await both()
  for (const bytes of [small, large]) await blobs.put(bytes)
  assert.equal(await store.blobSize(nameOf(small)), small.length)
  assert.equal(await beneath.has(nameOf(small)), false)
  assert.equal(await store.blobSize(nameOf(large)), undefined)
  assert.equal(await beneath.has(nameOf(large)), true)
  for (const bytes of [small, large]) {
    assert.deepEqual(Buffer.from(await blobs.read(nameOf(bytes))), bytes)
    await blobs.delete(nameOf(bytes))
    assert.equal(await blobs.has(nameOf(bytes)), false)
  }
  assert.equal(await beneath.has(nameOf(large)), false)
})

test('a row that somebody changed is not taken for the blob that its name promises', async () => {
  const { blobs, store } = await both()
  const { sha256 } = await blobs.put(small)
  await store.putBlob({ sha256, bytes: Buffer.from('three other weights') })
  const missing = coded('WR_BLOB_MISSING', { sha256 })
  await assert.rejects(blobs.read(sha256), missing)
  await assert.rejects(blobs.read(sha256, { start: 0, end: 3 }), missing)
  // Put again, it is mended.
  await blobs.put(small)
  assert.deepEqual(Buffer.from(await blobs.read(sha256)), small)
})

test('a damaged row does not hide the same content where it came in pieces', async () => {
  const { blobs, store } = await both()
  const { sha256 } = await blobs.put(small)
  await store.putBlob({ sha256, bytes: Buffer.from('three other') })
  await appendTo(blobs, 'upload')(0, small)
  await blobs.staged.commit('upload', { sha256, sizeBytes: small.length })
  assert.deepEqual(Buffer.from(await blobs.read(sha256)), small)
  assert.deepEqual(Buffer.from(await blobs.read(sha256, { start: 2, end: 7 })), small.subarray(2, 7))
  assert.deepEqual(Buffer.concat(await Array.fromAsync(blobs.stream(sha256, 3))), small.subarray(3))
  const reader = await blobs.reader(sha256)
  assert.deepEqual(Buffer.from(await reader.read({ start: 0, end: small.length })), small)
  await reader.close()
})
