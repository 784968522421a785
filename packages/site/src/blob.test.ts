/** Weights that a site receives: whole, as announced, once, and again where its disk has changed them. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Disk } from '@wardround/core/ports.ts'
import { type BlobFetcher, blobFetcher, type Received } from './blob.ts'
import { type Client, createClient } from './client.ts'
import { heldBlob } from './held-blob.ts'
import { realDisk } from './real-disk.ts'
import { fakeCoordinator } from './testing/fake-coordinator.ts'
import { testClock, testEntropy } from './testing/hospital.ts'
import { newKeys } from './testing/keys.ts'

const coded = (code: string) => (error: unknown) => error instanceof WardroundError && error.code === code

/** `limitBytes`: of blobs in memory; by default all are files. */
type Change = { readonly client?: Client; readonly disk?: Disk; readonly limitBytes?: number }

async function site(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-blob-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [clock, entropy, keys, disk] = [testClock(), testEntropy(), newKeys(), realDisk()]
  const { state, publicKey, network, blob } = await fakeCoordinator({ clock })
  state.sites.set('budapest', keys.publicKey)
  const identity = { kind: 'site' as const, site: 'budapest', keys, coordinatorKey: publicKey }
  const client = createClient({ network, identity, clock, entropy, version: '0.1.0' })
  /** As another process of this site has it. */
  const fetcher = ({ limitBytes = 0, ...change }: Change = {}): BlobFetcher =>
    blobFetcher({ client, disk, folder, patience: { clock, entropy }, ...change }, heldBlob(), { limitBytes })
  return { client, disk, state, blob, fetcher, fetch: fetcher(), kept: join(folder, 'received') }
}

type Memory = Uint8Array<ArrayBuffer>

const counted = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index % 251)
const whole = (blob: Received, ...how: Parameters<Received['ranges']>): Uint8Array =>
  Buffer.concat(Array.from(blob.ranges(...how), (bytes) => bytes.slice()))

/** Of the second append it takes only a part: the file is begun anew. */
function fullOnce(disk: Disk): Disk {
  let appends = 0
  const append: Disk['append'] = (path, given, durability) => {
    appends += 1
    if (appends !== 2) return disk.append(path, given, durability)
    disk.append(path, given.subarray(0, 1000), durability)
    throw Object.assign(new Error('ENOSPC: no'), { code: 'ENOSPC' })
  }
  return { ...disk, append }
}

test('a download that breaks off goes on where it was, and arrives whole', async (t) => {
  const { state, blob, fetch } = await site(t)
  const bytes = counted(10_500)
  state.cutAfterBytes = 3000
  assert.deepEqual(Uint8Array.from(whole(await fetch(blob(bytes)))), bytes)
  assert.equal(state.heard.length, 4)
})

test('a download that breaks off and starts at its beginning again arrives whole', async (t) => {
  const { client, blob, fetcher } = await site(t)
  const bytes = counted(1000)
  let tries = 0
  const download: typeof client.download = async () => {
    tries += 1
    const cut = tries === 1
    const body = async function* () {
      yield bytes.subarray(0, 600)
      if (cut) throw new WardroundError('WR_UNREACHABLE', { url: 'x', reason: 'y' })
      yield bytes.subarray(600)
    }
    return { status: 200, headers: {}, body: body() }
  }
  const fetched = await fetcher({ client: { ...client, download } })(blob(bytes))
  assert.deepEqual([Uint8Array.from(whole(fetched)), tries], [bytes, 2])
})

test('a download that is damaged, longer than announced, or of another digest is not taken', async (t) => {
  const { state, blob, fetch, kept } = await site(t)
  const ref = blob(new Uint8Array(5000))
  await assert.rejects(fetch({ ...ref, sizeBytes: 4999 }), coded('WR_BODY_TOO_LARGE'))
  await assert.rejects(fetch({ ...ref, sizeBytes: 5001 }), coded('WR_DIGEST_MISMATCH'))
  state.blobs.set(ref.sha256, new Uint8Array(5000).fill(1))
  await assert.rejects(fetch(ref), coded('WR_DIGEST_MISMATCH'))
  assert.deepEqual(readdirSync(kept), [`${ref.sha256}.new`])
})

test('what is read is the whole, in ranges of any size, the first of its own', async (t) => {
  const { blob, fetch } = await site(t)
  const bytes = counted(100)
  const fetched = await fetch(blob(bytes))
  for (const size of [1, 7, 100, 1000]) assert.deepEqual(Uint8Array.from(whole(fetched, new Uint8Array(size))), bytes)
  const sizes = Array.from(fetched.ranges(new Uint8Array(40), 13), ({ length }) => length)
  assert.deepEqual(sizes, [13, 40, 40, 7])
})

test('the last two are kept, for the next process too; what is asked for a second time is not received again', async (t) => {
  const { state, blob, fetch, fetcher, kept } = await site(t)
  const [one, two, three] = [blob(Uint8Array.of(1, 2, 3)), blob(Uint8Array.of(4, 5)), blob(Uint8Array.of(6))]
  for (const [ref, heard, now] of [
    [one, 1, [one]],
    [one, 1, [one]],
    [two, 2, [one, two]],
    [one, 2, [one, two]],
    [three, 3, [one, three]],
    [two, 4, [two, three]],
  ] as const) {
    await fetch(ref)
    assert.deepEqual([state.heard.length, readdirSync(kept)], [heard, now.map(({ sha256 }) => sha256).toSorted()])
  }
  await fetcher()(three)
  assert.equal(state.heard.length, 4)
  // What another process was in the middle of makes way with the rest.
  writeFileSync(join(kept, `${one.sha256}.new`), 'beg')
  await fetcher()(one)
  assert.deepEqual(readdirSync(kept), [one.sha256])
})

test('what a disk has changed shows at its end, and is received again', async (t) => {
  const { state, blob, fetch, fetcher, kept } = await site(t)
  const bytes = counted(5000)
  const ref = blob(bytes)
  const file = join(kept, ref.sha256)
  const damages: (() => void)[] = [
    () => writeFileSync(file, bytes.with(4000, 0)),
    () => writeFileSync(file, new Uint8Array(5000)),
    () => truncateSync(file, 4999),
  ]
  // By the process that received it, which knows its seal, and by another one, which knows its name.
  for (const [index, [other, damage]] of [false, true]
    .flatMap((other) => damages.map((damage) => [other, damage] as const))
    .entries()) {
    await fetch(ref)
    const fetched = await (other ? fetcher() : fetch)(ref)
    damage()
    assert.throws(() => whole(fetched, new Uint8Array(512)), coded('WR_DISK'))
    assert.deepEqual(Uint8Array.from(whole(await fetch(ref))), bytes)
    assert.equal(state.heard.length, index + 2)
  }
})

test('memory that is given has what is received while it comes; what is there already is read', async (t) => {
  const { state, disk, blob, fetcher } = await site(t)
  const bytes = counted(9000)
  const ref = blob(bytes)
  state.cutAfterBytes = 4000
  const fetch = fetcher({ disk: fullOnce(disk) })
  const [first, second, third] = [0, 0, 0].map(() => new Uint8Array(9000)) as [Memory, Memory, Memory]
  const received = await fetch(ref, first)
  assert.deepEqual([received.filled, first], [true, bytes])
  assert.deepEqual(Uint8Array.from(whole(received)), bytes)
  for (const [fetchAgain, memory] of [
    [fetch, second],
    [fetcher({ limitBytes: 9000 }), third],
  ] as const) {
    const { filled, ranges } = await fetchAgain(ref, memory)
    assert.deepEqual([filled, memory], [false, new Uint8Array(9000)])
    for (const _ of ranges(memory));
    assert.deepEqual(memory, bytes)
  }
})

test('a disk that takes only a part is waited for, and what it then has is the whole', async (t) => {
  const { state, disk, blob, fetcher, kept } = await site(t)
  const bytes = counted(9000)
  const ref = blob(bytes)
  state.cutAfterBytes = 4000
  await fetcher({ disk: fullOnce(disk) })(ref)
  assert.deepEqual(Uint8Array.from(readFileSync(join(kept, ref.sha256))), bytes)
})

test('what is small is in memory and in no file, and the last two of it stay', async (t) => {
  const { state, blob, fetcher, kept } = await site(t)
  const fetch = fetcher({ limitBytes: 3 })
  const [one, two, three, large] = [
    blob(Uint8Array.of(1, 2, 3)),
    blob(Uint8Array.of(4, 5)),
    blob(Uint8Array.of(6)),
    blob(Uint8Array.of(7, 8, 9, 10)),
  ]
  for (const [ref, heard] of [
    [one, 1],
    [one, 1],
    [two, 2],
    [one, 2],
    [three, 3],
    [one, 3],
    [two, 4],
  ] as const) {
    await fetch(ref)
    assert.equal(state.heard.length, heard)
  }
  assert.throws(() => readdirSync(kept), { code: 'ENOENT' })
  await fetch(large)
  assert.deepEqual(readdirSync(kept), [large.sha256])
  for (const size of [1, 2, 10]) assert.deepEqual([...whole(await fetch(one), new Uint8Array(size))], [1, 2, 3])
})

test('what is small goes on where the line broke, and is taken only as it was announced', async (t) => {
  const { state, blob, fetcher } = await site(t)
  const fetch = fetcher({ limitBytes: 10_500 })
  const bytes = counted(10_500)
  state.cutAfterBytes = 3000
  assert.deepEqual(Uint8Array.from(whole(await fetch(blob(bytes)))), bytes)
  assert.equal(state.heard.length, 4)
  state.cutAfterBytes = undefined
  const ref = blob(new Uint8Array(5000))
  await assert.rejects(fetch({ ...ref, sizeBytes: 4999 }), coded('WR_BODY_TOO_LARGE'))
  await assert.rejects(fetch({ ...ref, sizeBytes: 5001 }), coded('WR_DIGEST_MISMATCH'))
  state.blobs.set(ref.sha256, new Uint8Array(5000).fill(1))
  await assert.rejects(fetch(ref), coded('WR_DIGEST_MISMATCH'))
})
