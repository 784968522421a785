import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { encodeSafetensors } from '@wardround/core/safetensors.ts'
import { appendTo } from '../testing/append.ts'
import { testEntropy } from '../testing/entropy.ts'
import { coded } from '../testing/errors.ts'
import { scratch } from '../testing/scratch.ts'
import { blobSuite } from './blob-store.suite.ts'
import type { BlobStore } from './blob-store.ts'
import { folderBlobs } from './fs.ts'

const root = scratch()
let folders = 0
const freshFolder = (): string => join(root, `blobs-${folders++}`)

blobSuite('folder', () => folderBlobs(freshFolder()))
blobSuite('folder with seals', () => folderBlobs(freshFolder(), testEntropy('seals')))

/** Every file below a folder, by its path from there. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))

const content = Buffer.from('three small weights')
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const sha256 = digest(content)

async function withBlob(folder: string): Promise<string> {
  const writer = await (await folderBlobs(folder)).writer()
  await writer.write(content)
  await writer.finish()
  return join(folder, filesIn(folder)[0] ?? '')
}

test('a blob is a file whose name is the digest of its bytes, and nobody else may read it', async () => {
  const folder = freshFolder()
  const path = await withBlob(folder)
  assert.equal(basename(path), digest(readFileSync(path)))
  assert.deepEqual(readFileSync(path), content)
  const store = await folderBlobs(folder)
  await appendTo(store, 'task')(0, content)
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const { mode } = statSync(join(entry.parentPath, entry.name))
    assert.equal(mode & 0o777, entry.isFile() ? 0o600 : 0o700, entry.name)
  }
})

test('a file that can be opened and not read is a blob that is missing, however it is read', async () => {
  const folder = freshFolder()
  const path = await withBlob(folder)
  rmSync(path)
  // Reading a folder is EISDIR, as a bad sector is EIO.
  mkdirSync(path)
  const store = await folderBlobs(folder)
  const missing = coded('WR_BLOB_MISSING', { sha256 })
  const reader = await store.reader(sha256)
  await assert.rejects(reader.read({ start: 0, end: 4 }), missing)
  await reader.close()
  await assert.rejects(store.read(sha256, { start: 0, end: 4 }), missing)
  await assert.rejects(Array.fromAsync(store.stream(sha256)), missing)
})

test('a file that is cut short while it streams is a blob that is missing, not a shorter one', async () => {
  const folder = freshFolder()
  const store = await folderBlobs(folder)
  const ref = await store.put(Buffer.alloc(3 << 20, 'w'))
  const pieces = store.stream(ref.sha256)[Symbol.asyncIterator]()
  assert.equal((await pieces.next()).done, false)
  truncateSync(join(folder, filesIn(folder)[0] ?? ''), 1 << 20)
  const rest = async (): Promise<void> => {
    while ((await pieces.next()).done !== true);
  }
  await assert.rejects(rest(), coded('WR_BLOB_MISSING', { sha256: ref.sha256 }))
})

const damages: Readonly<Record<string, (path: string) => void>> = {
  'cut short': (path) => truncateSync(path, content.length - 1),
  'cut to nothing': (path) => truncateSync(path, 0),
  'with a byte more': (path) => appendFileSync(path, 'x'),
  'with one bit turned': (path) => {
    const bytes = readFileSync(path)
    bytes[5] = (bytes[5] ?? 0) ^ 1
    writeFileSync(path, bytes)
  },
}

for (const [title, damage] of Object.entries(damages))
  test(`a file ${title} is not taken for the blob that its name promises`, async () => {
    const folder = freshFolder()
    damage(await withBlob(folder))
    await assert.rejects((await folderBlobs(folder)).read(sha256), coded('WR_BLOB_MISSING', { sha256 }))
  })

/** Whether what is read of it is proved; undefined where its name alone can tell. */
async function proved(store: BlobStore, sha256: string): Promise<boolean | undefined> {
  const reader = await store.reader(sha256)
  for (const start of [0, 7]) reader.proof?.update(await reader.read({ start, end: start === 0 ? 7 : 100 }))
  await reader.close()
  return reader.proof?.holds()
}

const writings: Readonly<Record<string, (store: BlobStore) => Promise<unknown>>> = {
  'put whole': (store) => store.put(content),
  'written in parts': async (store) => {
    const writer = await store.writer()
    for (const part of [content.subarray(0, 5), content.subarray(5)]) await writer.write(part)
    await writer.finish()
  },
  uploaded: async (store) => {
    for (const at of [0, 6, 12]) await appendTo(store, 'task')(at, content.subarray(at, at + 6))
    await appendTo(store, 'task')(18, content.subarray(18))
    await store.staged.commit('task', { sha256, sizeBytes: content.length })
  },
}

for (const [how, write] of Object.entries(writings))
  test(`a blob that was ${how} in this life is known again by its seal, and where that does not hold, by its name`, async () => {
    const folder = freshFolder()
    const store = await folderBlobs(folder, testEntropy('seals'))
    await write(store)
    assert.equal(await proved(store, sha256), true)
    const path = join(folder, filesIn(folder)[0] ?? '')
    damages['with one bit turned']?.(path)
    assert.equal(await proved(store, sha256), false)
    assert.equal(await proved(store, sha256), undefined)
    await store.delete(sha256)
    await write(store)
    assert.equal(await proved(store, sha256), true)
    assert.equal(await proved(await folderBlobs(folder, testEntropy('seals')), sha256), undefined)
  })

test('an upload that went on after a restart, or was sent twice at once, is known by its name', async () => {
  const folder = freshFolder()
  const [before, store] = [await folderBlobs(folder, testEntropy('1')), await folderBlobs(folder, testEntropy('2'))]
  const commit = () => store.staged.commit('task', { sha256, sizeBytes: content.length })
  await appendTo(before, 'task')(0, content.subarray(0, 6))
  await appendTo(store, 'task')(6, content.subarray(6))
  await commit()
  assert.equal(await proved(store, sha256), undefined)
  await Promise.all([appendTo(store, 'task')(0, content), appendTo(store, 'task')(0, content.toReversed())])
  await appendTo(store, 'task')(0, content)
  await commit().catch((error: unknown) => assert.ok(coded('WR_DIGEST_MISMATCH')(error)))
  assert.notEqual(await proved(store, sha256), false)
})

test('values are said to be plausible where all of an upload was seen in this life, in order, and all of them are', async () => {
  const file = (value: number) =>
    encodeSafetensors([{ name: 'w', shape: [3000], data: new Float32Array(3000).fill(1).with(2999, value) }])
  const folder = freshFolder()
  const [before, store] = [await folderBlobs(folder), await folderBlobs(folder, testEntropy('values'))]
  const come = async (bytes: Uint8Array, ...pieces: (readonly [BlobStore, number, number])[]) => {
    for (const [by, from, to] of pieces) await appendTo(by, 'task')(from, bytes.slice(from, to))
    return store.staged.commit('task', { sha256: digest(bytes), sizeBytes: bytes.length })
  }
  const [good, bad] = [file(2), file(Number.NaN)]
  const end = good.length
  // A piece that comes again adds nothing, and what overlaps adds what is new.
  for (const [bytes, plausible] of [
    [good, true],
    [bad, false],
  ] as const)
    assert.deepEqual(await come(bytes, [store, 0, 70], [store, 0, 70], [store, 33, 5000], [store, 5000, end]), {
      plausible,
    })
  assert.deepEqual(await come(good, [before, 0, 70], [store, 70, end]), { plausible: false })
  // Two at once: what was seen may not be what is there.
  const twice = [bad, good].map((bytes) => appendTo(store, 'task')(0, bytes.slice(0, 9000)))
  await Promise.all(twice)
  await appendTo(store, 'task')(9000, bad.slice(9000))
  const taken = await store.staged.commit('task', { sha256: digest(bad), sizeBytes: end }).catch(() => undefined)
  assert.notEqual(taken?.plausible, true)
})

test('after a restart, blobs are there, uploads go on, and what was half written is no blob', async () => {
  const folder = freshFolder()
  await withBlob(folder)
  const before = await folderBlobs(folder)
  await appendTo(before, 'task')(0, Buffer.from('half of '))
  writeFileSync(join(folder, 'partial', '1-1.new'), 'never finished')
  const store = await folderBlobs(folder)
  assert.deepEqual(Buffer.from(await store.read(sha256)), content)
  assert.equal(await store.staged.receivedBytes('task'), 8)
  assert.equal(await store.has(digest(Buffer.from('never finished'))), false)
  await appendTo(store, 'task')(8, Buffer.from('it'))
  const whole = Buffer.from('half of it')
  await store.staged.commit('task', { sha256: digest(whole), sizeBytes: whole.length })
  assert.deepEqual(Buffer.from(await store.read(digest(whole))), whole)
})

test('what an earlier process left half written is cleared away; uploads and blobs are not', async () => {
  const folder = freshFolder()
  const path = await withBlob(folder)
  const before = await folderBlobs(folder)
  await appendTo(before, 'task')(0, content)
  const half = await before.writer()
  await half.write(content)
  assert.equal(readdirSync(join(folder, 'partial')).length, 2)
  await (await folderBlobs(folder)).tidy()
  assert.deepEqual(readdirSync(join(folder, 'partial')), ['task.upload'])
  assert.deepEqual(readFileSync(path), content)
  // Or its file would be closed by the garbage collector, which is an error.
  await half.abort()
})

test('nothing remains of what was finished, given up or refused', async () => {
  const folder = freshFolder()
  const store = await folderBlobs(folder)
  const writer = await store.writer()
  await writer.write(content)
  await writer.abort()
  await appendTo(store, 'given-up')(0, content)
  await store.staged.discard('given-up')
  await appendTo(store, 'damaged')(0, content)
  await assert.rejects(store.staged.commit('damaged', { sha256: 'f'.repeat(64), sizeBytes: content.length }))
  await appendTo(store, 'whole')(0, content)
  await store.staged.commit('whole', { sha256, sizeBytes: content.length })
  assert.deepEqual(
    filesIn(folder).map((path) => basename(path)),
    [sha256],
  )
})

test('a folder that cannot be made, or is gone, is an error that names it', async () => {
  const file = join(root, 'a-file')
  writeFileSync(file, '')
  await assert.rejects(folderBlobs(join(file, 'blobs')), coded('WR_PERMISSION', { path: join(file, 'blobs') }))
  const folder = freshFolder()
  const store = await folderBlobs(folder)
  rmSync(folder, { recursive: true })
  await assert.rejects(store.writer(), coded('WR_PERMISSION', { action: 'write' }))
  await assert.rejects(store.put(content), coded('WR_PERMISSION', { action: 'write' }))
  await assert.rejects(appendTo(store, 'task')(0, content), coded('WR_PERMISSION', { action: 'write' }))
})

test('what the disk refused while more was written is no blob, though its last sync knows nothing of it', async (t) => {
  const folder = freshFolder()
  const store = await folderBlobs(folder)
  const writer = await store.writer()
  const file = await open(join(root, 'any'), 'w')
  t.mock.method(Object.getPrototypeOf(file), 'datasync', async () => {
    throw Object.assign(new Error('input/output error'), { code: 'EIO' })
  })
  await file.close()
  await writer.write(new Uint8Array(8 << 20))
  await assert.rejects(writer.finish(), coded('WR_DISK'))
  await writer.abort()
  assert.deepEqual(filesIn(folder), [])
})

test('an upload of which a part did not reach the disk begins anew', async (t) => {
  const store = await folderBlobs(freshFolder())
  const file = await open(join(root, 'any'), 'w')
  const mocked = t.mock.method(Object.getPrototypeOf(file), 'datasync', async () => {
    throw Object.assign(new Error('input/output error'), { code: 'EIO' })
  })
  await file.close()
  const whole = new Uint8Array(9 << 20)
  const send = async (): Promise<unknown> => {
    for (const from of [0, 5 << 20]) await appendTo(store, 'task')(from, whole.slice(from, from + (5 << 20)))
    return store.staged.commit('task', { sha256: digest(whole), sizeBytes: whole.length })
  }
  await assert.rejects(send(), coded('WR_DISK'))
  assert.equal(await store.staged.receivedBytes('task'), 0)
  mocked.mock.restore()
  await send()
  assert.equal(await store.size(digest(whole)), whole.length)
})

test('what a disk has no room for only when it is to be durable is an error to be tried again', async (t) => {
  const folder = freshFolder()
  const store = await folderBlobs(folder)
  const [writer, file] = [await store.writer(), await open(join(root, 'any'), 'w')]
  await appendTo(store, 'task')(0, content)
  t.mock.method(Object.getPrototypeOf(file), 'sync', async () => {
    throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  })
  await file.close()
  await writer.write(content)
  await assert.rejects(writer.finish(), coded('WR_DISK'))
  await writer.abort()
  await assert.rejects(store.put(content), coded('WR_DISK'))
  await assert.rejects(store.staged.commit('task', { sha256, sizeBytes: content.length }), coded('WR_DISK'))
  assert.equal(await store.has(sha256), false)
})

test('a disk that is full is an error to be tried again', { skip: !existsSync('/dev/full') }, async () => {
  const folder = freshFolder()
  const store = await folderBlobs(folder)
  // Linux's disk that is always full, where the upload and the first blob would be.
  symlinkSync('/dev/full', join(folder, 'partial', 'task.upload'))
  await assert.rejects(appendTo(store, 'task')(0, content), coded('WR_DISK'))
  const path = join(folder, 'partial', `${process.pid}-1.new`)
  symlinkSync('/dev/full', path)
  await assert.rejects(store.put(content), coded('WR_DISK', { path }))
  assert.equal(lstatSync(path, { throwIfNoEntry: false }), undefined)
  const next = join(folder, 'partial', `${process.pid}-2.new`)
  symlinkSync('/dev/full', next)
  const writer = await store.writer()
  await assert.rejects(writer.write(content), coded('WR_DISK', { path: next }))
  await writer.abort()
  assert.equal(lstatSync(next, { throwIfNoEntry: false }), undefined)
})
