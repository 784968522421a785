/** What a hospital's folder says of itself, without a network: status and journal. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { hospital } from '@wardround/site/testing/hospital.ts'
import { z } from 'zod'
import { ran } from '../testing/runtime.ts'

const empty = mkdtempSync(join(tmpdir(), 'wardround-folder-'))
let joined: Awaited<ReturnType<typeof hospital>>
before(async () => {
  joined = await hospital()
  await joined.say('approved')
})
after(() => {
  joined.remove()
  rmSync(empty, { recursive: true })
})

type Entry = { readonly kind: string; readonly body: Readonly<Record<string, unknown>> }
const journal = () => join(joined.folder, 'journal.ndjson')
const lines = (): string[] => readFileSync(journal(), 'utf8').trim().split('\n')
/** The journal read by hand. */
const entries = (): Entry[] => lines().map((line) => JSON.parse(line))

const statusSchema = z.strictObject({
  site: z.literal('budapest'),
  url: z.string(),
  pid: z.int().nullable(),
  entries: z.int(),
  released: z.int(),
  journalHolds: z.boolean(),
})
const status = async () =>
  statusSchema.parse(JSON.parse((await ran(['site', 'status', '--dir', joined.folder, '--json'])).stdout))

test('status: who it is, what is in the journal, and whether somebody works there', async () => {
  const all = entries()
  const { pid, released, ...rest } = await status()
  assert.equal(pid, null)
  assert.equal(released, all.filter(({ kind }) => kind === 'released').length)
  assert.equal(rest.entries, all.length)
  assert.equal(rest.journalHolds, true)
  const lock = join(joined.folder, 'run.lock')
  writeFileSync(lock, String(process.pid))
  assert.equal((await status()).pid, process.pid)
  assert.match(
    (await ran(['site', 'status', '--dir', joined.folder])).stdout,
    new RegExp(`process ${process.pid}$`, 'm'),
  )
  // A process that has ended, whose lock a crash left behind.
  writeFileSync(lock, String(spawnSync(process.execPath, ['--version']).pid))
  assert.equal((await status()).pid, null)
  assert.match((await ran(['site', 'status', '--dir', joined.folder])).stdout, /^Not running/m)
  rmSync(lock)
})

test('a journal that holds is counted: entries, bytes that left, and the last hash', async () => {
  const { code, stdout } = await ran(['site', 'journal', 'verify', '--dir', joined.folder, '--json'])
  assert.equal(code, 0)
  const releasedBytes = entries()
    .filter(({ kind }) => kind === 'released')
    .reduce((sum, { body }) => sum + Number(body.sizeBytes), 0)
  assert.ok(releasedBytes > 0)
  const last = z.looseObject({ hash: z.string() }).parse(JSON.parse(lines().at(-1) ?? ''))
  assert.deepEqual(JSON.parse(stdout), {
    holds: true,
    entries: entries().length,
    releasedBytes,
    tornBytes: 0,
    lastHash: last.hash,
  })
  const shown = (await ran(['site', 'journal', 'show', '--dir', joined.folder])).stdout.trim().split('\n')
  assert.equal(shown.length, entries().length)
  for (const [index, { kind }] of entries().entries()) assert.ok(shown[index]?.includes(`  ${kind}  `), kind)
})

test('a changed entry and a missing one are found, by number; a line that a crash tore is not called a forgery', async () => {
  const whole = readFileSync(journal(), 'utf8')
  const verify = () => ran(['site', 'journal', 'verify', '--dir', joined.folder])
  const second = lines()[1] ?? ''
  for (const forged of [
    whole.replace(second, second.replace('budapest', 'bukarest')),
    whole.replace(`${second}\n`, ''),
  ]) {
    assert.notEqual(forged, whole)
    writeFileSync(journal(), forged)
    const { code, stderr } = await verify()
    assert.equal(code, 5)
    assert.match(stderr, /^WR_CHAIN_BROKEN: .*\b2\b/)
  }
  writeFileSync(journal(), whole)
  appendFileSync(journal(), '{"sequence":')
  const torn = await verify()
  assert.equal(torn.code, 0)
  assert.match(torn.stdout, /torn by a crash \(12 bytes\)/)
  writeFileSync(journal(), whole)
})

test('where no site is there is nothing that could hold', async () => {
  for (const command of ['status', 'journal verify', 'journal show']) {
    const { code, stderr } = await ran(['site', ...command.split(' '), '--dir', empty])
    assert.equal(code, 7, command)
    assert.match(stderr, /^WR_NOT_JOINED: /)
  }
})
