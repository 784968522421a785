/** Small blobs that become durable with the row that names them, or not at all. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { openStore } from '../store/store.ts'
import { coded } from '../testing/errors.ts'
import { keptBlobs } from './kept.ts'
import { memoryBlobs } from './memory.ts'
import { recentBlobs } from './recent.ts'
import { smallBlobs } from './small.ts'

const nameOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const [small, large] = [Buffer.from('three small weights'), Buffer.alloc(101, 'w')]
const [sha256, largeSha256] = [nameOf(small), nameOf(large)]
const refOf = (bytes: Uint8Array) => ({ sha256: nameOf(bytes), sizeBytes: bytes.length })

async function setting() {
  const store = await openStore({ kind: 'sqlite', path: ':memory:' }, () => '2026-01-01T00:00:00.000Z')
  let reads = 0
  const counted: typeof store.blob = (name) => {
    reads += 1
    return store.blob(name)
  }
  const blobs = recentBlobs(smallBlobs({ ...store, blob: counted }, memoryBlobs(), 100))
  const kept = keptBlobs({ blobs, store, log: () => undefined })
  return { store, blobs, kept, reads: () => reads }
}

test('what is gathered can be read at once, is nowhere else before its transaction, and is durable with it', async () => {
  const { store, blobs, kept, reads } = await setting()
  await kept.hold(async (held) => {
    const gathered = held.gathering()
    assert.deepEqual(await gathered.put(small), refOf(small))
    const reader = await gathered.reader(sha256)
    assert.deepEqual(Buffer.from(await reader.read({ start: 6, end: 11 })), Buffer.from('small'))
    await reader.close()
    assert.deepEqual(Buffer.from(await gathered.read(sha256)), small)
    assert.deepEqual(Buffer.concat(await Array.fromAsync(gathered.stream(sha256, 12))), Buffer.from('weights'))
    assert.deepEqual([await gathered.has(sha256), await gathered.size(sha256)], [true, small.length])
    assert.deepEqual([await blobs.has(sha256), await store.blobSize(sha256)], [false, undefined])
    await store.transaction(async (tables) => {
      await gathered.write(tables)
      await tables.keepBlob('study', refOf(small))
    })
    assert.equal(await store.blobSize(sha256), small.length)
  })
  // It was in memory anyway, and is kept there.
  assert.deepEqual([Buffer.from(await kept.read(sha256)), reads()], [small, 0])
})

test('where the transaction fails there is no blob, neither in the store nor in memory', async () => {
  const { store, blobs, kept } = await setting()
  const refused = new Error('refused')
  await kept.hold(async (held) => {
    const gathered = held.gathering()
    await gathered.put(small)
    const work = store.transaction(async (tables) => {
      await gathered.write(tables)
      throw refused
    })
    await assert.rejects(work, refused)
    assert.deepEqual([await blobs.has(sha256), await store.blobSize(sha256)], [false, undefined])
  })
  await assert.rejects(kept.read(sha256), coded('WR_BLOB_MISSING', { sha256 }))
})

test('what is large is there at once', async () => {
  const { blobs, kept } = await setting()
  await kept.hold(async (held) => {
    await held.gathering().put(large)
    assert.equal(await blobs.has(largeSha256), true)
  })
})

test('what is gathered and never written is a mistake, and is told', async () => {
  const { blobs, kept } = await setting()
  await assert.rejects(
    kept.hold(async (held) => held.gathering().put(small)),
    TypeError,
  )
  assert.equal(await blobs.has(sha256), false)
})

test('content that is being deleted is gathered when it is gone, and then written', async () => {
  const { store, blobs, kept } = await setting()
  await blobs.put(small)
  const dropped = kept.drop([sha256])
  await kept.hold(async (held) => {
    const gathered = held.gathering()
    await gathered.put(small)
    await store.transaction(async (tables) => {
      await gathered.write(tables)
      await tables.keepBlob('study', refOf(small))
    })
  })
  await dropped
  assert.equal(await store.blobSize(sha256), small.length)
})
