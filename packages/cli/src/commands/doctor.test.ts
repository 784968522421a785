import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { hospital, testCsv } from '@wardround/site/testing/hospital.ts'
import { z } from 'zod'
import { ran } from '../testing/runtime.ts'

const findingsSchema = z.strictObject({
  healthy: z.boolean(),
  checks: z.array(
    z.strictObject({ name: z.string(), state: z.enum(['ok', 'warning', 'failed']), detail: z.string().min(1) }),
  ),
})

const empty = mkdtempSync(join(tmpdir(), 'wardround-doctor-'))
/** A site that has joined a coordinator which is not there any more. */
let joined: Awaited<ReturnType<typeof hospital>>
before(async () => {
  joined = await hospital()
  writeFileSync(join(joined.folder, 'site.yaml'), 'data: { file: data.csv }\n')
})
after(() => {
  joined.remove()
  rmSync(empty, { recursive: true })
})

/** Findings by name, after a look at what people read. */
async function examined(args: readonly string[]) {
  const json = await ran(['doctor', ...args, '--json'])
  const plain = await ran(['doctor', ...args])
  const { healthy, checks } = findingsSchema.parse(JSON.parse(json.stdout))
  assert.equal(json.code, healthy ? 0 : 8)
  assert.equal(plain.code, json.code)
  assert.doesNotMatch(plain.stdout + plain.stderr, /\n\s+at |undefined/)
  const lines = plain.stdout.trim().split('\n')
  assert.equal(lines.length, checks.length, 'a line a check')
  const marks = { ok: 'ok', warning: 'warning', failed: 'FAILED' }
  for (const [index, { name, state }] of checks.entries())
    assert.match(lines[index] ?? '', new RegExp(`^${marks[state]} +\\S`), name)
  assert.equal(
    healthy,
    checks.every(({ state }) => state !== 'failed'),
  )
  return Object.fromEntries(checks.map(({ name, state, detail }) => [name.split(' ')[0] ?? '', { state, detail }]))
}

test('a machine that has not joined yet is healthy, learns, and is told what comes next', async () => {
  const found = await examined(['--dir', empty])
  assert.equal(found.Node?.state, 'ok')
  assert.equal(found.training?.state, 'ok')
  assert.match(found.training?.detail ?? '', /1 step/)
  assert.equal(found.coordinator?.state, 'warning')
  assert.match(found.coordinator?.detail ?? '', /wardround site join/)
  assert.equal(found.data, undefined)
})

test('data is looked at where a site.yaml is given: how many records, and which columns', async () => {
  writeFileSync(join(empty, 'data.csv'), testCsv(12))
  const config = join(empty, 'elsewhere.yaml')
  writeFileSync(config, 'data: { file: data.csv }\n')
  const { data } = await examined(['--dir', empty, '--config', config])
  assert.equal(data?.state, 'ok')
  assert.match(data?.detail ?? '', /12 records.*who, ill, age/)
})

test('a joined site whose journal holds, and whose coordinator does not answer', async () => {
  const found = await examined(['--dir', joined.folder])
  assert.equal(found.journal?.state, 'ok')
  assert.equal(found.coordinator?.state, 'failed')
  assert.equal(found.data?.state, 'ok')
  assert.match(found.data?.detail ?? '', /40 records/)
})

test('each fault is found by itself: a changed journal, a file that is gone, a torn one, a config with a slip', async () => {
  const journal = join(joined.folder, 'journal.ndjson')
  const lines = readFileSync(journal, 'utf8')
  const data = join(joined.folder, 'data.csv')
  const table = readFileSync(data, 'utf8')
  const config = join(joined.folder, 'site.yaml')

  writeFileSync(journal, lines.replace('budapest', 'bukarest'))
  assert.match((await examined(['--dir', joined.folder])).journal?.detail ?? '', /entry \d+ does not fit/)
  writeFileSync(journal, lines)

  appendFileSync(data, 'p99,1\n')
  const ragged = (await examined(['--dir', joined.folder])).data
  assert.equal(ragged?.state, 'failed')
  assert.match(ragged?.detail ?? '', /line 42/)
  rmSync(data)
  assert.match((await examined(['--dir', joined.folder])).data?.detail ?? '', /There is no file .*data\.csv/)
  writeFileSync(data, table)

  writeFileSync(config, 'data: { file: data.csv }\npolicy: { minimumCohort: ten }\n')
  const slip = (await examined(['--dir', joined.folder])).data
  assert.equal(slip?.state, 'failed')
  assert.match(slip?.detail ?? '', /line 2.*policy\.minimumCohort/)
})

test('a GPU that a site.yaml asks for is tried, and it is said where there is none', {
  skip: process.platform !== 'linux' && 'only Vulkan can be told that there is no driver',
}, async () => {
  process.env.VK_DRIVER_FILES = '/nowhere.json'
  const config = join(empty, 'gpu.yaml')
  writeFileSync(config, 'data: { file: data.csv }\ntraining: { device: webgpu }\n')
  const { training } = await examined(['--dir', empty, '--config', config])
  assert.equal(training?.state, 'failed')
  assert.match(training?.detail ?? '', /no GPU .*training\.device/)
})
