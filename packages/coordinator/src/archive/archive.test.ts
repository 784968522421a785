import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { sign } from '@wardround/core/protocol/signing.ts'
import fc from 'fast-check'
import { memoryBlobs } from '../blobs/memory.ts'
import { openStore } from '../store/store.ts'
import { coded } from '../testing/errors.ts'
import { type Running, startedStudy, testFederation } from '../testing/federation.ts'
import { ed25519 } from '../testing/keys.ts'
import { nothingLeft } from '../testing/needs.ts'
import { type Entry, entriesOf, packed, signedAnew } from '../testing/study-file.ts'
import { archiveSuite, change, ended, exported, imported } from './archive.suite.ts'
import { readStudyFile } from './read.ts'

archiveSuite('memory', () => openStore({ kind: 'sqlite', path: ':memory:' }, () => '2026-01-01T00:00:00.000Z'))

let known: Promise<{ running: Running; file: Buffer }> | undefined
const made = () => {
  known ??= ended().then(async (running) => ({ running, file: await exported(running) }))
  return known
}

test('a study that goes on, or that there is not, is not exported', async () => {
  const running = await startedStudy(['a', 'b'], change)
  await assert.rejects(running.account('exportStudy', { params: { study: running.id } }), coded('WR_STUDY_STATE'))
  await assert.rejects(running.account('exportStudy', { params: { study: 'none-00000000' } }), coded('WR_NOT_FOUND'))
  await running.close()
})

/** Changed, and signed again by the coordinator it is from: what a hostile one could send. */
async function resigned(
  { running, file }: { running: Running; file: Buffer },
  change: (entries: Entry[]) => Entry[],
): Promise<Buffer> {
  const all = await entriesOf(file)
  return signedAnew(change(all.slice(0, -1)), all.at(-1), running.world.keys)
}

const edited =
  (name: string, edit: (text: string) => string) =>
  (entries: Entry[]): Entry[] =>
    entries.map((entry) => (entry.name === name ? { name, bytes: Buffer.from(edit(String(entry.bytes))) } : entry))

const lies: Record<string, (entries: Entry[]) => Entry[]> = {
  'the form of another task': edited('forms-00001.jsonl', (text) => text.replace('"text":"{', '"text":"{ ')),
  "another study's task": edited('tasks-00001.jsonl', (text) => text.replace(/"id":"small-/, '"id":"other-')),
  'a task twice': edited('tasks-00001.jsonl', (text) => `${text}${text.slice(0, text.indexOf('\n') + 1)}`),
  "another study's event": edited('events-00001.jsonl', (text) => text.replace(/"study":"small-/, '"study":"other-')),
  "a site's event": edited('events-00001.jsonl', (text) => text.replace('study.published', 'site.joined')),
  'an audit that was changed': edited('audit-00001.jsonl', (text) => text.replace('"by":"tester"', '"by":"nobody"')),
  'a round that is missing': edited('rounds-00001.jsonl', (text) => text.slice(text.indexOf('\n') + 1)),
  'a round that goes on': edited('rounds-00001.jsonl', (text) => text.replace('"completed"', '"collecting"')),
  'another plan': edited('study.json', (text) => text.replace('Is it?', 'Is it not?')),
  'another name': edited('study.json', (text) => text.replace('"id":"small-', '"id":"large-')),
  'another best round': edited('study.json', (text) => text.replace(/"best_round":\d/, '"best_round":1')),
  'a field that nobody knows': edited('study.json', (text) => text.replace('{', '{"more":1,')),
  'NUL, which a database does not keep': edited('study.json', (text) =>
    text.replace('"reason":null', '"reason":"a\\u0000b"'),
  ),
  'half a character, which has no canonical form, in a text within a text': edited('study.json', (text) =>
    text.replace(/("preparation":"\{\\"columns\\":\[\{\\"name\\":\\"\w+)/, '$1\\\\ud800'),
  ),
  'no JSON': edited('study.json', (text) => text.slice(1)),
  'no UTF-8': (entries) =>
    entries.map((entry) => (entry.name === 'study.json' ? { ...entry, bytes: Buffer.from([0xff, 0xfe]) } : entry)),
  'other weights': (entries) =>
    entries.map((entry) => {
      const bytes = Buffer.from(entry.bytes)
      if (entry.name === 'best.safetensors') bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
      return { ...entry, bytes }
    }),
  'a member that is missing': (entries) => entries.filter(({ name }) => name !== 'first.safetensors'),
  'a member that nobody asked for': (entries) => [...entries, { name: 'more.json', bytes: Buffer.from('{}') }],
  'members in another order': (entries) => entries.toReversed(),
  'no study at all': () => [],
}

for (const [name, lie] of Object.entries(lies))
  test(`${name} is refused, and nothing of it stays`, async () => {
    const file = await resigned(await made(), lie)
    const there = await testFederation([])
    await assert.rejects(imported(there, file), coded('WR_STUDY_FILE'))
    assert.deepEqual(await there.world.store.studies(), [])
    await nothingLeft(there.world.store, there.world.blobs)
    await there.close()
  })

test('a file of a later form, and a signature of another, are told apart', async () => {
  const { running, file } = await made()
  const there = await testFederation([])
  const changed = async (change: (document: string) => string, resign: boolean) => {
    const all = await entriesOf(file)
    const signed = JSON.parse(String(all.at(-1)?.bytes)) as { document: string; signature: string }
    const document = change(signed.document)
    const signature = resign ? sign(running.world.keys, 'wardround-study-v1', document) : signed.signature
    const bytes = Buffer.from(JSON.stringify({ document, signature }))
    return packed([...all.slice(0, -1), { name: 'manifest.json', bytes }])
  }
  const later = await changed((text) => text.replace('"version":1', '"version":2'), true)
  await assert.rejects(imported(there, later), coded('WR_VERSION'))
  const forged = await changed((text) => text.replace(/"madeBy":"[^"]*"/, '"madeBy":"9.9.9"'), false)
  await assert.rejects(imported(there, forged), coded('WR_STUDY_FILE'))
  await there.close()
})

test('whatever is cut off, turned or put behind it: refused with a code, and no blob stays', async () => {
  const { file } = await made()
  const blobs = memoryBlobs()
  const read = async (bytes: Uint8Array): Promise<void> => {
    const pieces = async function* () {
      for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777)
    }
    await readStudyFile(pieces(), { blobs, ed25519 })
  }
  await read(file)
  const refused = (bytes: Uint8Array) =>
    assert.rejects(
      read(bytes),
      (error) => error instanceof WardroundError && ['WR_STUDY_FILE', 'WR_VERSION'].includes(error.code),
    )
  await fc.assert(
    fc.asyncProperty(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), async (at, turn) => {
      const turned = Buffer.from(file)
      turned[at] = (turned[at] ?? 0) ^ turn
      await refused(turned)
      // Two blocks of zeros are the end; that there are two nobody needs to know.
      if (at < file.length - 512) await refused(file.subarray(0, at))
    }),
    { numRuns: 150 },
  )
  // A head is little of a file: chance alone would seldom turn each of its bytes.
  for (let at = 0; at < 512; at++) {
    const turned = Buffer.from(file)
    turned[at] = (turned[at] ?? 0) ^ 1
    await refused(turned)
  }
  await refused(Buffer.concat([file, Buffer.from('more')]))
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), refused), { numRuns: 100 })
})

test('what is too large is not read', async () => {
  const { file } = await made()
  const limits = { memberBytes: 1000, allBytes: 1 << 20 }
  const once = async function* () {
    yield file
  }
  const reading = readStudyFile(once(), { blobs: memoryBlobs(), ed25519, limits })
  await assert.rejects(reading, coded('WR_STUDY_FILE'))
  const all = readStudyFile(once(), { blobs: memoryBlobs(), ed25519, limits: { memberBytes: 1 << 20, allBytes: 5000 } })
  await assert.rejects(all, coded('WR_STUDY_FILE'))
})

test('an upload whose bytes are not those that it is called by is refused', async () => {
  const { file } = await made()
  const there = await testFederation([])
  const asked = { params: { sha256: '0'.repeat(64) }, query: { offset: 0, sizeBytes: file.length } }
  await assert.rejects(there.account('importStudy', { ...asked, bytes: file }), coded('WR_DIGEST_MISMATCH'))
  await there.account('importStudy', { ...asked, bytes: file.subarray(0, 1000) })
  const second = { ...asked, query: { ...asked.query, offset: 1000 }, bytes: file.subarray(1000) }
  await assert.rejects(there.account('importStudy', second), coded('WR_DIGEST_MISMATCH'))
  const behind = { ...asked, query: { offset: 5, sizeBytes: file.length }, bytes: file }
  await assert.rejects(there.account('importStudy', behind), coded('WR_BODY_INVALID'))
  await there.close()
})
