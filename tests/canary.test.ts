/** No record crosses the line: every byte that sites send is captured and searched, and compared with what their journals say left. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readJournal } from '@wardround/site/journal.ts'
import { openFederation } from './federation.ts'
import { disk, parsedSmall, scratch, smallTable } from './support.ts'
import { requestsIn, tapWire, type WireTap } from './wire-tap.ts'

const folder = scratch('canary')
const marks = { alpha: 0.77777, beta: 13.13131, gamma: 27.27272 }
const tables = Object.fromEntries(Object.entries(marks).map(([site, mark]) => [site, smallTable(site, { mark })]))

let tap: WireTap | undefined
const federation = await openFederation(folder, tables, {
  publicUrl: async (url) => {
    tap = await tapWire(join(folder, 'coordinator'), url)
    return tap.url
  },
})
const study = await federation.publish(parsedSmall())
federation.runSites()
const results = await federation.finish(study)
await federation.close()
const sent = (tap?.sent ?? []).map((chunks) => Buffer.concat(chunks))
after(() => tap?.close())

/** A value as text and as numbers of both widths and both byte orders; of each, the form in base64 at any alignment. */
function encodings(text: string): Buffer[] {
  const value = Number(text)
  const plain = [Buffer.from(text), Buffer.from(text, 'utf16le')]
  if (Number.isFinite(value)) {
    const views = [Buffer.alloc(4), Buffer.alloc(4), Buffer.alloc(8), Buffer.alloc(8)] as const
    views[0].writeFloatLE(value)
    views[1].writeFloatBE(value)
    views[2].writeDoubleLE(value)
    views[3].writeDoubleBE(value)
    plain.push(...views)
  }
  const base64 = plain.flatMap((bytes) =>
    [0, 1, 2].flatMap((shift) => {
      const whole = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64')
      // Letters that the neighbours do not touch.
      const inner = whole.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6))
      return inner.length < 5 ? [] : [Buffer.from(inner), Buffer.from(inner.replaceAll('+', '-').replaceAll('/', '_'))]
    }),
  )
  const hex = plain.map((bytes) => Buffer.from(bytes.toString('hex')))
  return [...plain, ...hex, ...base64]
}

test('the federation ran through the tap', () => {
  assert.equal(results.outcome, 'completed')
  assert.deepEqual(results.contributed, ['alpha', 'beta', 'gamma'])
  assert.ok(sent.reduce((sum, bytes) => sum + bytes.length, 0) > 10_000)
})

test('the search finds a value where there is one', () => {
  const planted = Buffer.concat([
    Buffer.from('{"x":"'),
    Buffer.from(Float64Array.of(42.12345).buffer),
    Buffer.from('"}'),
  ])
  assert.ok(encodings('42.12345').some((code) => planted.includes(code)))
  assert.ok(encodings('42.12345').some((code) => Buffer.from(planted.toString('base64')).includes(code)))
})

/** Fewer characters than these are found by chance among thousands of random ones, as has happened. */
const chanceCharacters = 8

/** Without the signatures of requests, which are those. */
function withoutProofs(wire: Buffer): Buffer {
  const text = wire.toString('latin1')
  const proofs = text.match(/^authorization: .*$/gim) ?? []
  assert.ok(proofs.length > 20)
  return Buffer.from(
    proofs.reduce((rest, proof) => rest.replace(proof, ''), text),
    'latin1',
  )
}

test('no cell and no patient of any hospital is in any byte that was sent', () => {
  const wire = Buffer.concat(sent)
  const unsigned = withoutProofs(wire)
  let searched = 0
  for (const table of Object.values(tables)) {
    for (const line of table.trim().split('\n').slice(1)) {
      const [patient = '', , age = '', lactate = ''] = line.split(',')
      for (const marker of [patient, age, lactate]) {
        for (const code of encodings(marker))
          assert.ok(
            !(code.length < chanceCharacters ? unsigned : wire).includes(code),
            `${marker} was sent as ${code.toString('hex')}`,
          )
        searched += 1
      }
    }
  }
  assert.equal(searched, 3 * 80 * 3)
})

test('what was sent is what the journals say left: each body, its size and digest, no more and no less', () => {
  const captured = sent
    .flatMap(requestsIn)
    .filter(({ body }) => body.length > 0)
    .map(
      ({ method, path, body }) => `${method} ${path} ${body.length} ${createHash('sha256').update(body).digest('hex')}`,
    )
  const journalled = federation.sites.flatMap(({ folder: own }) => {
    const { entries, broken } = readJournal(disk, join(own, 'journal.ndjson'))
    assert.equal(broken, undefined)
    return entries
      .filter(({ kind }) => kind === 'released')
      .map(({ body }) => `${body.method} ${body.path} ${body.sizeBytes} ${body.sha256}`)
  })
  assert.ok(captured.length > 20)
  assert.deepEqual(captured.toSorted(), journalled.toSorted())
})

test('personal weights are in no file that crossed the line', () => {
  const updates = sent.flatMap(requestsIn).filter(({ method }) => method === 'PUT')
  assert.ok(updates.length >= 9)
  for (const { body } of updates) {
    assert.ok(body.includes('output.kernel'))
    assert.ok(!body.includes('output.bias'))
  }
})
