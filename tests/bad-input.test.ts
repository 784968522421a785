/** Whatever a person gets wrong: a code, what happened, why, the next command; no stack trace, nothing lost. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  document,
  hospital,
  type Ran,
  type Running,
  scratch,
  smallStudy,
  smallTable,
  started,
  wardround,
} from './support.ts'

const folder = scratch('bad-input')
const access = join(folder, 'coordinator', 'access')
let coordinator: Running | undefined
before(async () => {
  coordinator = started(['coordinator', '--dir', join(folder, 'coordinator'), '--port', '0', '--json'])
  await coordinator.firstLine
})
after(() => coordinator?.stop())

/** A coded refusal, in words and as JSON. */
function refused(ran: Ran, code: string, words: RegExp): void {
  assert.notEqual(ran.code, 0)
  assert.match(ran.stderr, new RegExp(`^${code}: `, 'm'), ran.stderr)
  assert.match(ran.stderr, words)
  assert.doesNotMatch(ran.stderr + ran.stdout, /\n {4}at /, 'no stack trace')
}

const file = (name: string, text: string | Uint8Array): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

test('a malformed study names its line and field', async () => {
  refused(
    await wardround(['study', 'check', file('syntax.yaml', 'wardround: 1\nname: [')]),
    'WR_STUDY_SYNTAX',
    /line 2/,
  )
  refused(
    await wardround(['study', 'check', file('field.yaml', smallStudy().replace('epochs: 2', 'epoch: 2'))]),
    'WR_STUDY_INVALID',
    /line 15.*training\.epoch/s,
  )
  refused(
    await wardround(['study', 'check', file('range.yaml', smallStudy().replace('maximum: 3', 'maximum: none'))]),
    'WR_STUDY_INVALID',
    /line 17.*rounds\.maximum/s,
  )
  refused(await wardround(['study', 'check', join(folder, 'nowhere.yaml')]), 'WR_DATA_MISSING', /nowhere\.yaml/)
  const ran = await wardround(['study', 'check', join(folder, 'field.yaml'), '--json'])
  const { error } = document<{ error: { code: string; next: string } }>(ran)
  assert.equal(error.code, 'WR_STUDY_INVALID')
  assert.match(error.next, /wardround study check/)
  assert.equal(ran.stderr, '')
})

test('tokens: wrong, damaged, used, expired', async () => {
  const home = hospital(join(folder, 'token-site'), smallTable('token-site'))
  refused(await wardround(['site', 'join', 'nonsense', '--dir', home]), 'WR_TOKEN_INVALID', /no join token/)
  const { token } = document<{ token: string }>(
    await wardround(['token', 'create', 'token-site', '--access', access, '--json']),
  )
  refused(await wardround(['site', 'join', token.slice(0, -3), '--dir', home]), 'WR_TOKEN_INVALID', /checksum/)
  assert.equal((await wardround(['site', 'join', token, '--dir', home])).code, 0)
  refused(
    await wardround(['site', 'join', token, '--dir', hospital(join(folder, 'second'), '')]),
    'WR_TOKEN_USED',
    /works once/,
  )
  const brief = document<{ token: string }>(
    await wardround(['token', 'create', 'late-site', '--valid-for', '1s', '--access', access, '--json']),
  )
  await new Promise((resolve) => setTimeout(resolve, 1200))
  refused(
    await wardround(['site', 'join', brief.token, '--dir', hospital(join(folder, 'third'), '')]),
    'WR_TOKEN_EXPIRED',
    /has expired/,
  )
})

test('a taken port, a folder in use, no permission, no access', async () => {
  const blocker = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => blocker.once('listening', resolve))
  const address = blocker.address()
  const port = String(typeof address === 'object' ? address?.port : 0)
  refused(
    await wardround(['coordinator', '--dir', join(folder, 'other'), '--port', port]),
    'WR_PORT_IN_USE',
    new RegExp(`${port}.*--port`, 's'),
  )
  blocker.close()
  refused(
    await wardround(['coordinator', '--dir', join(folder, 'coordinator'), '--port', '0']),
    'WR_LOCKED',
    /another process/,
  )
  refused(await wardround(['study', 'list', '--access', join(folder, 'none')]), 'WR_CREDENTIALS', /--access/)
  const blocked = join(folder, 'a-file')
  writeFileSync(blocked, '')
  refused(await wardround(['coordinator', '--dir', join(blocked, 'below'), '--port', '0']), 'WR_PERMISSION', /a-file/)
  if (process.getuid?.() !== 0) {
    const locked = join(folder, 'locked')
    mkdirSync(locked)
    chmodSync(locked, 0o500)
    refused(await wardround(['coordinator', '--dir', join(locked, 'below'), '--port', '0']), 'WR_PERMISSION', /locked/)
  }
})

test('an unknown command, a missing argument, an unknown study', async () => {
  refused(await wardround(['studdy']), 'WR_USAGE', /--help/)
  refused(await wardround(['study', 'check']), 'WR_USAGE', /wardround study check --help/)
  refused(await wardround(['study', 'show', 'nothing', '--access', access]), 'WR_NOT_FOUND', /no study nothing/)
})

/** One hospital's table under a simulation of three; the other two are healthy. */
async function simulateWith(name: string, table: string | Uint8Array): Promise<Ran> {
  const study = file('study.yaml', smallStudy())
  const sites = ['one', 'two'].map((site) => `${site}=${file(`${site}.csv`, smallTable(site))}`)
  return wardround([
    'simulate',
    study,
    ...[...sites, `odd=${file(`${name}.csv`, table)}`].flatMap((site) => ['--site', site]),
    '--json',
  ])
}

const healthy = smallTable('odd')

test('CSV as hospitals export it is read: BOM, semicolons, decimal commas, quotes, Windows line ends', async () => {
  const plain = document<{ weightsSha256: string }>(await simulateWith('plain', healthy))
  const foreign = `\uFEFF${healthy
    .replaceAll(',', ';')
    .replaceAll(/(\d)\.(\d)/g, '$1,$2')
    .replaceAll('\n', '\r\n')
    .replace('who;ill', '"who";"ill"')}`
  const read = document<{ weightsSha256: string }>(await simulateWith('foreign', foreign))
  assert.equal(read.weightsSha256, plain.weightsSha256)
})

test('faults in the data stop the study before round 1, and say where and what to do', async () => {
  const cases: [string, string, string, RegExp][] = [
    [
      'missing-column',
      healthy.replace('lactate', 'something'),
      'WR_STUDY_PREFLIGHT',
      /odd has no column lactate.*site\.yaml/,
    ],
    [
      'text-in-number',
      healthy.replace(/^(odd-patient-5,\d,)[\d.]+/m, '$1old'),
      'WR_STUDY_PREFLIGHT',
      /odd: age holds text.*Mend it/,
    ],
    [
      'one-class',
      healthy.replaceAll(/^(odd-patient-\d+),\d/gm, '$1,0'),
      'WR_STUDY_PREFLIGHT',
      /odd: every record has the same ill/,
    ],
    ['few', healthy.split('\n').slice(0, 6).join('\n'), 'WR_STUDY_PREFLIGHT', /odd: too few patients/],
  ]
  for (const [name, table, code, words] of cases) {
    const ran = await simulateWith(name, table)
    const { error } = document<{ error: { code: string; what: string; next: string } }>(ran)
    assert.equal(error.code, code, name)
    assert.match(error.what, /odd/, name)
    assert.match(ran.stderr, words, name)
  }
})

test('duplicated patients stay on one side, and the study runs', async () => {
  const [head = '', ...rows] = healthy.trim().split('\n')
  const ran = await simulateWith('twice', [head, ...rows, ...rows.slice(0, 10)].join('\n'))
  assert.equal(ran.code, 0, ran.stdout)
})

test('an empty and an unreadable file are refused with the file and the line', async () => {
  const home = hospital(join(folder, 'reader'), '')
  const check = async (table: string | Uint8Array, words: RegExp): Promise<void> => {
    writeFileSync(join(home, 'data.csv'), table)
    const { stdout } = await wardround(['doctor', '--dir', home, '--config', join(home, 'site.yaml')])
    assert.match(stdout, words)
    assert.doesNotMatch(stdout, /\n {4}at /)
  }
  await check('', /FAILED.*data.*no records/)
  await check(`${healthy}"open`, /FAILED.*data.*line 82/)
  await check(healthy.replace(/^(odd-patient-3,.*)$/m, '$1,extra'), /FAILED.*data.*line 5.*6 .*5/)
  assert.ok(readFileSync(join(home, 'data.csv'), 'utf8').includes('extra'), 'the file is only read')
})
