import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import { chained } from '@wardround/core/protocol/chain.ts'
import fc from 'fast-check'
import { openJournal, readJournal } from './journal.ts'
import { realDisk } from './real-disk.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-journal-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0
const fresh = (): string => join(folder, `${files++}.ndjson`)

const disk = realDisk()
const clock = { now: () => Date.UTC(2026, 0, 1), sleep: async () => undefined }
const coded =
  (code: string, parameters: object = {}) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof WardroundError, String(error))
    assert.equal(error.code, code)
    for (const [name, value] of Object.entries(parameters)) assert.equal(error.parameters[name], value)
    return true
  }

/** A journal of three entries, one of them with letters of several bytes. */
function written(path = fresh()): string {
  const journal = openJournal({ path, disk, clock })
  journal.write('joined', { site: 'budapest', coordinator: 'https://a', publicKey: 'k' })
  journal.write('task-refused', { task: 't', study: 's', code: 'WR_X', why: 'größer als 10 – 名前' })
  journal.write('task-refused', { task: 'u', study: 's', code: 'WR_X', why: 'größer als 10 – 名前' })
  return path
}
const lines = (path: string): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1)

test('what was written is read back, chained, for the owner only', () => {
  const path = written()
  const { entries, broken, tornBytes } = readJournal(disk, path)
  assert.deepEqual([entries.length, broken, tornBytes], [3, undefined, 0])
  assert.deepEqual(entries[0]?.body, { site: 'budapest', coordinator: 'https://a', publicKey: 'k' })
  assert.equal(statSync(path).mode & 0o777, 0o600)
})

test('a missing journal is an empty one, and the chain goes on over a restart', () => {
  assert.deepEqual(readJournal(disk, fresh()), { entries: [], broken: undefined, tornBytes: 0 })
  const path = written()
  const journal = openJournal({ path, disk, clock })
  journal.write('left', { site: 'budapest' })
  const { entries, broken } = readJournal(disk, path)
  assert.deepEqual([entries.length, entries.at(-1)?.sequence, broken], [4, 4, undefined])
})

test('a note is in the file at once, in the same chain as what is written durably', () => {
  const path = fresh()
  const journal = openJournal({ path, disk, clock })
  journal.note('task-accepted', { task: 't', study: 's', kind: 'train', round: 1 })
  assert.deepEqual(
    readJournal(disk, path).entries.map(({ kind }) => kind),
    ['task-accepted'],
  )
  journal.write('left', { site: 'budapest' })
  const { entries, broken } = readJournal(disk, path)
  assert.deepEqual([entries.map(({ sequence }) => sequence), broken], [[1, 2], undefined])
})

test('any change of one byte is found', () => {
  const path = written()
  const good = readFileSync(path)
  fc.assert(
    fc.property(fc.nat({ max: good.length - 2 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bad = Buffer.from(good)
      bad[at] = (bad[at] ?? 0) ^ flip
      writeFileSync(path, bad)
      assert.notEqual(readJournal(disk, path).broken, undefined)
      assert.throws(() => openJournal({ path, disk, clock }), coded('WR_CHAIN_BROKEN', { file: path }))
    }),
    { numRuns: 200 },
  )
})

test('a line removed, swapped, doubled or rewritten with a hash of its own is found where it is', () => {
  const good = lines(written())
  const [first = '', second = '', third = ''] = good
  const entry = readJournal(disk, written()).entries[1]
  assert.ok(entry)
  const { sequence, at, kind, previous } = entry
  const forged = JSON.stringify(chained({ sequence, at, kind, body: { task: 'other' } }, previous))
  const cases: [string, string[], number][] = [
    ['removed', [first, third], 2],
    ['removed at the start', [second, third], 1],
    ['swapped', [first, third, second], 2],
    ['doubled', [first, second, second, third], 3],
    ['forged', [first, forged, third], 3],
    ['not JSON', [first, 'x', third], 2],
    ['an empty line', [first, '', second], 2],
  ]
  for (const [name, text, sequenceOfFault] of cases) {
    const path = fresh()
    writeFileSync(path, `${text.join('\n')}\n`)
    assert.equal(readJournal(disk, path).broken, sequenceOfFault, name)
  }
})

test('wherever the last line is torn, it is cut off, noted, and what stood before stays', () => {
  const path = written()
  const good = readFileSync(path)
  const start = good.subarray(0, -1).lastIndexOf(0x0a) + 1
  for (let end = start + 1; end < good.length; end++) {
    writeFileSync(path, good.subarray(0, end))
    assert.equal(readJournal(disk, path).tornBytes, end - start)
    openJournal({ path, disk, clock }).write('left', { site: 's' })
    const { entries, broken, tornBytes } = readJournal(disk, path)
    assert.deepEqual([entries.length, broken, tornBytes], [4, undefined, 0], `torn at byte ${end}`)
    assert.deepEqual([entries[2]?.kind, entries[2]?.body], ['torn-line-cut', { bytes: end - start }])
  }
})

/** For a script of a process of its own. */
const imports = ['openJournal ./journal.ts', 'realDisk ./real-disk.ts']
  .map((text) => text.split(' '))
  .map(
    ([name, file = '']) => `import { ${name} } from ${JSON.stringify(fileURLToPath(new URL(file, import.meta.url)))}`,
  )
  .join('\n')

test('an entry that could not be made durable is none, and the next one takes its place', () => {
  const path = fresh()
  let fails = false
  const own = {
    ...disk,
    append(...[to, bytes, durability]: Parameters<typeof disk.append>) {
      disk.append(to, bytes, durability)
      if (fails) throw Object.assign(new Error('no'), { code: 'EIO' })
    },
  }
  const journal = openJournal({ path, disk: own, clock })
  journal.write('left', { site: 'a' })
  fails = true
  for (let tries = 0; tries < 3; tries++) assert.throws(() => journal.write('left', { site: 'b' }), coded('WR_DISK'))
  assert.equal(lines(path).length, 1)
  fails = false
  journal.write('left', { site: 'c' })
  const { entries, broken } = readJournal(disk, path)
  assert.deepEqual([entries.map(({ body }) => body.site), broken], [['a', 'c'], undefined])
})

/** Three durable entries, then notes and at last, where wanted, an entry whose writing had begun; `hole` is where zeros are, from the first. */
function holed(hole: (unsynced: number, length: number) => [number, number], last?: 'begun' | 'done') {
  const path = written()
  const durable = readFileSync(path)
  const journal = openJournal({ path, disk, clock })
  for (const task of ['t', 'u', 'v', 'w']) journal.note('thanked', { task, study: 's'.repeat(300) })
  if (last !== undefined) journal.write('left', { site: 'budapest' })
  if (last === 'done') journal.note('thanked', { task: 'x', study: 's' })
  const bytes = readFileSync(path)
  const [start, end] = hole(durable.length, bytes.length)
  writeFileSync(path, bytes.fill(0, start, end))
  return { path, durable: durable.toString('utf8') }
}

test('zeros that a power cut left in front of whole lines are cut off with them, and noted; all that was durable stays', () => {
  const sector = (at: number): number => Math.ceil(at / 512) * 512
  for (const [name, hole, last] of [
    ['from the last durable byte', (at: number) => [at, sector(at + 1)], undefined],
    ['a sector within', (at: number) => [sector(at + 512), sector(at + 1024)], undefined],
    ['in front of an entry whose writing had begun', (at: number) => [at, sector(at + 1)], 'begun'],
    ['to the end', (at: number, length: number) => [sector(at + 512), length], 'begun'],
  ] as [string, (unsynced: number, length: number) => [number, number], 'begun' | undefined][]) {
    const { path, durable } = holed(hole, last)
    const { broken, tornBytes } = readJournal(disk, path)
    assert.deepEqual([broken, tornBytes > 0], [undefined, true], name)
    openJournal({ path, disk, clock }).write('left', { site: 'budapest' })
    const after = readJournal(disk, path)
    assert.deepEqual([after.broken, after.tornBytes], [undefined, 0], name)
    assert.ok(readFileSync(path, 'utf8').startsWith(durable), name)
    const cut = after.entries.find(({ kind }) => kind === 'torn-line-cut')
    assert.equal(cut?.body.bytes, tornBytes, name)
  }
})

test('zeros that no power cut can have left are a broken chain: before what was durable, or of no whole sector', () => {
  for (const [hole, last] of [
    [(at: number) => [at, Math.ceil((at + 1) / 512) * 512], 'done'],
    [(at: number) => [at + 3, at + 4], undefined],
    [() => [0, 512], 'done'],
  ] as [(unsynced: number, length: number) => [number, number], 'done' | undefined][]) {
    const { path } = holed(hole, last)
    assert.notEqual(readJournal(disk, path).broken, undefined)
    assert.throws(() => openJournal({ path, disk, clock }), coded('WR_CHAIN_BROKEN'))
  }
})

test('several processes write one journal: every entry is there, and the chain holds', async () => {
  const path = fresh()
  const script = `
    ${imports}
    const journal = openJournal({ path: process.argv.at(-1), disk: realDisk(), clock: { now: () => 0, sleep: async () => undefined } })
    for (let i = 0; i < 40; i++) journal.write('left', { site: 's' })`
  const codes = await Promise.all(Array.from({ length: 4 }, () => ended(script, path)))
  assert.deepEqual(codes, [0, 0, 0, 0])
  const { entries, broken, tornBytes } = readJournal(disk, path)
  assert.deepEqual([entries.length, broken, tornBytes], [160, undefined, 0])
})

const ended = (script: string, argument: string): Promise<number | null> =>
  new Promise((resolve) =>
    spawn(process.execPath, ['--input-type=module-typescript', '-e', script, argument], {
      stdio: ['ignore', 'ignore', 'inherit'],
    }).on('exit', resolve),
  )

test('a lock that a dead process left behind is taken over, even where this process has its number', () => {
  const path = written()
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  // Our own number: after a restart, a container's first process has the number that the last one had.
  for (const pid of [dead, process.pid]) {
    writeFileSync(`${path}.lock`, String(pid))
    openJournal({ path, disk, clock }).write('left', { site: 's' })
    assert.throws(() => statSync(`${path}.lock`), { code: 'ENOENT' })
  }
  assert.equal(readJournal(disk, path).broken, undefined)
})

test('a full disk tears nothing that was acknowledged: what is left of the failed entry is cut off and noted', (t) => {
  const path = fresh()
  const script = `
    ${imports}
    const journal = openJournal({ path: process.argv.at(-1), disk: realDisk(), clock: { now: () => 0, sleep: async () => undefined } })
    const codes = []
    for (const length of [300, 300, 900, 900, 10]) {
      try {
        journal.write('task-refused', { task: 't', study: 's', code: 'c', why: 'x'.repeat(length) })
        codes.push('ok')
      } catch (error) { codes.push(error.code) }
    }
    process.stdout.write(codes.join(' '))`
  // bash counts its limit in KiB: the first two fit, the third and fourth do not, the last does again.
  const argv = ['-c', 'ulimit -f 2; exec "$0" --input-type=module-typescript -e "$1" "$2"', process.execPath]
  const child = spawnSync('bash', [...argv, script, path], { encoding: 'utf8' })
  if (child.error !== undefined) return t.skip('no bash here')
  assert.equal(child.stdout, 'ok ok WR_DISK WR_DISK ok', child.stderr)
  const { broken, tornBytes, entries } = readJournal(disk, path)
  assert.deepEqual([broken, tornBytes], [undefined, 0])
  const whys = entries.flatMap(({ kind, body }) => (kind === 'task-refused' ? [String(body.why).length] : []))
  assert.deepEqual(whys, [300, 300, 10])
})
