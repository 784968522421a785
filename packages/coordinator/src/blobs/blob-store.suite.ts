/** What every blob store must do, wherever it keeps its bytes. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import fc from 'fast-check'
import { appendTo } from '../testing/append.ts'
import { coded } from '../testing/errors.ts'
import { type BlobStore, gatheringWriter } from './blob-store.ts'

/** FIPS 180-4's example: SHA-256("abc"), from NIST's "Examples with Intermediate Values". */
const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const nowhere = 'f'.repeat(64)

const refOf = (bytes: Uint8Array): BlobRef => ({
  sha256: createHash('sha256').update(bytes).digest('hex'),
  sizeBytes: bytes.length,
})
const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 })

async function put(store: BlobStore, ...chunks: readonly Uint8Array[]): Promise<BlobRef> {
  const writer = await store.writer()
  for (const chunk of chunks) await writer.write(chunk)
  return writer.finish()
}

async function streamed(store: BlobStore, sha256: string, start?: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of store.stream(sha256, start)) chunks.push(Uint8Array.from(chunk))
  return Buffer.concat(chunks)
}

async function listed(store: BlobStore): Promise<string[]> {
  const digests: string[] = []
  for await (const sha256 of store.list()) digests.push(sha256)
  return digests.toSorted()
}

const equal = (found: Uint8Array, wanted: Uint8Array): void => assert.deepEqual(Buffer.from(found), Buffer.from(wanted))
const gap = (receivedBytes: number) => coded('WR_UPLOAD_OFFSET', { receivedBytes })

/** A whole cut into pieces at `cuts`. */
const pieces = (whole: Uint8Array, cuts: readonly number[]): { offset: number; piece: Uint8Array }[] => {
  const edges = [0, ...cuts.map((cut) => cut % (whole.length + 1)).toSorted((a, b) => a - b), whole.length]
  return edges.slice(1).map((end, index) => {
    const offset = edges[index] ?? 0
    return { offset, piece: whole.subarray(offset, end) }
  })
}

/** `open` gives an empty store. */
export function blobSuite(name: string, open: () => Promise<BlobStore>): void {
  const check = (title: string, holds: (store: BlobStore) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => holds(await open()))
  }
  writing(check)
  uploads(check)
}

type Check = (title: string, holds: (store: BlobStore) => Promise<void>) => void

function writing(check: Check): void {
  check('a blob is named by its SHA-256, however it was cut', async (store) => {
    assert.deepEqual(await put(store, text('abc')), { sha256: abc, sizeBytes: 3 })
    assert.deepEqual(await put(store, text('a'), text(''), text('bc')), { sha256: abc, sizeBytes: 3 })
    await fc.assert(
      fc.asyncProperty(bytes, fc.array(fc.nat(), { maxLength: 4 }), async (whole, cuts) => {
        const ref = await put(store, ...pieces(whole, cuts).map(({ piece }) => piece))
        assert.deepEqual(ref, refOf(whole))
        equal(await store.read(ref.sha256), whole)
        assert.equal(await store.size(ref.sha256), whole.length)
      }),
      { numRuns: 40 },
    )
  })

  check(
    'a blob that is put whole is the same as one that is written, and is not what its buffer becomes',
    async (store) => {
      const whole = text('abc')
      assert.deepEqual(await store.put(whole), { sha256: abc, sizeBytes: 3 })
      whole.fill(0)
      equal(await store.read(abc), text('abc'))
      assert.deepEqual(await put(store, text('abc')), await store.put(text('abc')))
      const large = Uint8Array.from({ length: 300_000 }, (_, index) => index % 253)
      assert.deepEqual(await store.put(large), refOf(large))
      equal(await store.read(refOf(large).sha256), large)
    },
  )

  check('a writer that gathers puts the same blob, and nothing before it is finished', async (store) => {
    const writer = gatheringWriter(store)
    const chunk = text('ab')
    await writer.write(chunk)
    chunk.fill(0)
    await writer.write(text('c'))
    assert.equal(await store.has(abc), false)
    assert.deepEqual(await writer.finish(), { sha256: abc, sizeBytes: 3 })
    equal(await store.read(abc), text('abc'))
    const given = gatheringWriter(store)
    await given.write(text('given up'))
    await given.abort()
    assert.equal(await store.has(refOf(text('given up')).sha256), false)
  })

  check('a range is the same slice of the whole, clipped at its end', async (store) => {
    await fc.assert(
      fc.asyncProperty(bytes, fc.nat(400), fc.nat(400), async (whole, a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)]
        const { sha256 } = await put(store, whole)
        equal(await store.read(sha256, { start, end }), whole.slice(start, end))
        equal(await streamed(store, sha256, Math.min(start, whole.length)), whole.slice(start))
      }),
      { numRuns: 40 },
    )
  })

  check('a reader gives the same slices, one after another', async (store) => {
    await fc.assert(
      fc.asyncProperty(bytes, fc.array(fc.tuple(fc.nat(400), fc.nat(400)), { maxLength: 5 }), async (whole, ranges) => {
        const { sha256 } = await put(store, whole)
        const reader = await store.reader(sha256)
        for (const [a, b] of ranges) {
          const [start, end] = [Math.min(a, b), Math.max(a, b)]
          equal(await reader.read({ start, end }), whole.slice(start, end))
        }
        await reader.close()
      }),
      { numRuns: 40 },
    )
    await assert.rejects(
      store.reader(nowhere).then((reader) => reader.read({ start: 0, end: 1 })),
      coded('WR_BLOB_MISSING', { sha256: nowhere }),
    )
  })

  check('what a reader gives is good until the one after the next is read', async (store) => {
    const { sha256 } = await put(store, text('abcdefghijklmnop'))
    const reader = await store.reader(sha256)
    const first = await reader.read({ start: 0, end: 8 })
    const second = await reader.read({ start: 8, end: 12 })
    equal(first, text('abcdefgh'))
    equal(await reader.read({ start: 2, end: 5 }), text('cde'))
    equal(second, text('ijkl'))
    await reader.close()
  })

  check('a large blob streams in whole', async (store) => {
    const whole = Uint8Array.from({ length: 3_000_000 }, (_, index) => index % 251)
    const { sha256 } = await put(store, whole)
    equal(await streamed(store, sha256), whole)
    equal(await streamed(store, sha256, 2_999_999), whole.slice(2_999_999))
  })

  check('a piece of a stream is good until the one after the next is asked for', async (store) => {
    const whole = Uint8Array.from({ length: 3_000_000 }, (_, index) => index % 251)
    const { sha256 } = await put(store, whole)
    let before: Uint8Array = new Uint8Array()
    let end = 0
    for await (const piece of store.stream(sha256)) {
      equal(before, whole.slice(end - before.length, end))
      before = piece
      end += piece.length
    }
    equal(before, whole.slice(end - before.length, end))
    assert.equal(end, whole.length)
  })

  check('what is not there is missing, by name', async (store) => {
    const missing = coded('WR_BLOB_MISSING', { sha256: nowhere })
    assert.equal(await store.has(nowhere), false)
    await assert.rejects(store.read(nowhere), missing)
    await assert.rejects(store.read(nowhere, { start: 0, end: 1 }), missing)
    await assert.rejects(store.size(nowhere), missing)
    await assert.rejects(streamed(store, nowhere), missing)
  })

  check('a blob that is deleted is gone; deleting it again does no harm', async (store) => {
    await put(store, text('abc'))
    const other = await put(store, text('other'))
    await store.delete(abc)
    await store.delete(abc)
    assert.equal(await store.has(abc), false)
    await assert.rejects(store.read(abc), coded('WR_BLOB_MISSING'))
    equal(await store.read(other.sha256), text('other'))
  })

  check('every blob is listed, by its digest, and nothing else', async (store) => {
    assert.deepEqual(await listed(store), [])
    const refs = [await put(store, text('abc')), await store.put(text('other')), await put(store, text('third'))]
    await store.put(text('abc'))
    await appendTo(store, 'task')(0, text('an upload'))
    const writer = await store.writer()
    await writer.write(text('half'))
    assert.deepEqual(await listed(store), refs.map(({ sha256 }) => sha256).toSorted())
    await store.delete(abc)
    assert.deepEqual(
      await listed(store),
      refs
        .slice(1)
        .map(({ sha256 }) => sha256)
        .toSorted(),
    )
    await writer.abort()
  })

  for (const [how, written] of [
    ['a writer', (store: BlobStore) => store.writer()],
    ['a writer that gathers', async (store: BlobStore) => gatheringWriter(store)],
  ] as const)
    check(`${how} says the name before the blob is there`, async (store) => {
      const writer = await written(store)
      await writer.write(text('abc'))
      const heard: unknown[] = []
      await writer.finish(async (ref) => void heard.push(ref, await store.has(abc)))
      assert.deepEqual(heard, [{ sha256: abc, sizeBytes: 3 }, false])
      assert.equal(await store.has(abc), true)
    })

  check('tidying up takes no blob and no upload', async (store) => {
    const { sha256 } = await put(store, text('abc'))
    await appendTo(store, 'task')(0, text('half'))
    await store.tidy()
    equal(await store.read(sha256), text('abc'))
    assert.equal(await store.staged.receivedBytes('task'), 4)
    assert.deepEqual(await put(store, text('abc')), { sha256: abc, sizeBytes: 3 })
  })

  check('a blob is there when it is finished, and not before', async (store) => {
    const writer = await store.writer()
    await writer.write(text('abc'))
    assert.equal(await store.has(abc), false)
    await writer.finish()
    assert.equal(await store.has(abc), true)
  })

  check('a writer that is abandoned leaves nothing', async (store) => {
    const writer = await store.writer()
    await writer.write(text('abc'))
    await writer.abort()
    await writer.abort()
    assert.equal(await store.has(abc), false)
  })

  check("what was written is the blob's own: the caller may use its buffer again", async (store) => {
    const buffer = text('abc')
    const writer = await store.writer()
    await writer.write(buffer)
    buffer.fill(0)
    assert.deepEqual(await writer.finish(), { sha256: abc, sizeBytes: 3 })
    equal(await store.read(abc), text('abc'))
    const piece = text('abc')
    await appendTo(store, 'task')(0, piece)
    piece.fill(0)
    await store.staged.commit('task', refOf(text('abc')))
  })

  check('two who write the same content at once both get it', async (store) => {
    const chunks = [text('the same '), text('content, '.repeat(1000)), text('twice')]
    const refs = await Promise.all(Array.from({ length: 8 }, () => put(store, ...chunks)))
    const whole = Buffer.concat(chunks)
    for (const ref of refs) assert.deepEqual(ref, refOf(whole))
    equal(await store.read(refOf(whole).sha256), whole)
  })

  check('writers side by side do not mix', async (store) => {
    const [one, two] = [await store.writer(), await store.writer()]
    for (const letter of ['a', 'b', 'c']) {
      await one.write(text(letter))
      await two.write(text(letter.toUpperCase()))
    }
    assert.deepEqual([await one.finish(), await two.finish()], [refOf(text('abc')), refOf(text('ABC'))])
  })
}

function uploads(check: Check): void {
  check('an upload in any pieces, any of them sent again, is the whole', async (store) => {
    let uploadNumber = 0
    const resent = fc.array(fc.record({ cut: fc.nat(), again: fc.nat(3) }), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(bytes, resent, async (whole, plan) => {
        const name = `task-${uploadNumber++}`
        const parts = pieces(
          whole,
          plan.map(({ cut }) => cut),
        )
        for (const [index, { offset, piece }] of parts.entries()) {
          const received = await appendTo(store, name)(offset, piece)
          assert.equal(received, offset + piece.length)
          // One that arrived before, again: it, or any before it, or with more behind it.
          const back = parts[Math.max(0, index - (plan[index]?.again ?? 0))] ?? { offset: 0, piece }
          assert.equal(await appendTo(store, name)(back.offset, back.piece), received)
        }
        assert.equal(await store.staged.receivedBytes(name), whole.length)
        await store.staged.commit(name, refOf(whole))
        equal(await store.read(refOf(whole).sha256), whole)
        assert.equal(await store.staged.receivedBytes(name), 0)
      }),
      { numRuns: 40 },
    )
  })

  check('a piece that overlaps what has arrived adds only what is new', async (store) => {
    assert.equal(await appendTo(store, 'task')(0, text('hear')), 4)
    assert.equal(await appendTo(store, 'task')(2, text('art-dis')), 9)
    await store.staged.commit('task', refOf(text('heart-dis')))
  })

  check('a gap is refused, and says where to go on', async (store) => {
    await assert.rejects(appendTo(store, 'task')(1, text('b')), gap(0))
    await appendTo(store, 'task')(0, text('abc'))
    await assert.rejects(appendTo(store, 'task')(4, text('e')), gap(3))
    assert.equal(await appendTo(store, 'task')(3, text('d')), 4)
    await store.staged.commit('task', refOf(text('abcd')))
  })

  check('a piece that is sent twice at once counts once', async (store) => {
    const whole = text('abcdefgh'.repeat(500))
    const half = whole.length / 2
    for (const offset of [0, half]) {
      const again = () => appendTo(store, 'task')(offset, whole.subarray(offset, offset + half))
      await Promise.all([again(), again(), again()])
    }
    await store.staged.commit('task', refOf(whole))
    equal(await store.read(refOf(whole).sha256), whole)
  })

  check('of two pieces for the same place at once, only what is there is taken', async (store) => {
    const [one, two] = [text('one of them '.repeat(50_000)), text('the other -- '.repeat(50_000))]
    const whole = one.subarray(0, 500_000)
    for (const pair of [
      [whole, two.subarray(0, 500_000)],
      [two.subarray(0, 500_000), whole],
    ]) {
      await Promise.all(pair.map((piece) => appendTo(store, 'task')(0, piece)))
      const taken = await store.staged.commit('task', refOf(whole)).then(
        () => true,
        (error: unknown) => !coded('WR_DIGEST_MISMATCH')(error),
      )
      // Read whole, a blob is checked against its name.
      if (taken) equal(await store.read(refOf(whole).sha256), whole)
      await store.delete(refOf(whole).sha256)
    }
  })

  check('one who stays adds piece after piece, beside others', async (store) => {
    const whole = text('abcdefgh'.repeat(50_000))
    const [one, two] = [await store.staged.open('task'), await store.staged.open('task')]
    assert.equal(await one.append(0, whole.subarray(0, 1000)), 1000)
    assert.equal(await two.append(500, whole.subarray(500, 200_000)), 200_000)
    assert.equal(await one.append(1000, whole.subarray(1000, 150_000)), 200_000)
    assert.equal(await one.append(150_000, whole.subarray(150_000)), whole.length)
    await two.close()
    await store.staged.commit('task', refOf(whole))
    await one.close()
    equal(await store.read(refOf(whole).sha256), whole)
  })

  check(
    'who still adds when the upload is committed or given up cannot change the blob, and begins anew',
    async (store) => {
      const adding = await store.staged.open('task')
      await adding.append(0, text('abc'))
      await store.staged.commit('task', refOf(text('abc')))
      await assert.rejects(adding.append(3, text('d')), gap(0))
      assert.equal(await adding.append(0, text('ab')), 2)
      equal(await store.read(abc), text('abc'))
      await store.staged.discard('task')
      await assert.rejects(adding.append(2, text('c')), gap(0))
      assert.equal(await adding.append(0, text('abc')), 3)
      await adding.close()
      await store.staged.commit('task', refOf(text('abc')))
    },
  )

  check('a wrong digest or size is refused, and the upload starts again', async (store) => {
    const whole = text('abc')
    for (const wrong of [
      { sha256: nowhere, sizeBytes: 3 },
      { sha256: abc, sizeBytes: 4 },
    ]) {
      await appendTo(store, 'task')(0, whole)
      await assert.rejects(store.staged.commit('task', wrong), coded('WR_DIGEST_MISMATCH'))
      assert.equal(await store.has(wrong.sha256), false)
      assert.equal(await store.staged.receivedBytes('task'), 0)
    }
    await appendTo(store, 'task')(0, whole)
    await store.staged.commit('task', refOf(whole))
    equal(await store.read(abc), whole)
  })

  check('an upload that was committed is not there twice; its blob stays as it is', async (store) => {
    await appendTo(store, 'task')(0, text('abc'))
    await store.staged.commit('task', refOf(text('abc')))
    await assert.rejects(store.staged.commit('task', refOf(text('abc'))), coded('WR_DIGEST_MISMATCH'))
    equal(await store.read(abc), text('abc'))
  })

  check('an upload of what is there already is taken like any other', async (store) => {
    await put(store, text('abc'))
    await appendTo(store, 'task')(0, text('abc'))
    await store.staged.commit('task', refOf(text('abc')))
    equal(await store.read(abc), text('abc'))
    assert.equal(await store.staged.receivedBytes('task'), 0)
  })

  check('two tasks whose updates are the same commit the same blob at once', async (store) => {
    const whole = text('the same gradient '.repeat(100))
    for (const name of ['a', 'b']) await appendTo(store, name)(0, whole)
    await Promise.all(['a', 'b'].map((name) => store.staged.commit(name, refOf(whole))))
    equal(await store.read(refOf(whole).sha256), whole)
  })

  check('uploads that have begun are listed, until they are blobs or given up', async (store) => {
    assert.deepEqual(await store.staged.list(), [])
    for (const name of ['one', 'two-b', 'three']) await appendTo(store, name)(0, text('abc'))
    assert.deepEqual((await store.staged.list()).toSorted(), ['one', 'three', 'two-b'])
    await store.staged.commit('one', refOf(text('abc')))
    await store.staged.discard('three')
    assert.deepEqual(await store.staged.list(), ['two-b'])
  })

  check('an upload that is given up leaves nothing; others go on', async (store) => {
    await appendTo(store, 'given-up')(0, text('abc'))
    await appendTo(store, 'other')(0, text('ab'))
    await store.staged.discard('given-up')
    await store.staged.discard('never-begun')
    assert.equal(await store.staged.receivedBytes('given-up'), 0)
    assert.equal(await store.staged.receivedBytes('other'), 2)
    await assert.rejects(appendTo(store, 'given-up')(3, text('d')), gap(0))
    assert.equal(await store.has(abc), false)
  })
}
