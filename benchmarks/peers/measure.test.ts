import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Command, loopbackBytes, measure } from './measure.ts'
import { parseStat } from './process-tree.ts'

const skip = process.platform === 'linux' ? false : 'it reads /proc, which only Linux has'

function command(t: TestContext, script: string, change: Partial<Command> = {}): Command {
  const folder = mkdtempSync(join(tmpdir(), 'wp-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return {
    program: process.execPath,
    args: ['-e', script],
    cwd: folder,
    env: { PATH: process.env.PATH ?? '' },
    resultFile: join(folder, 'result'),
    logFile: join(folder, 'log'),
    limitSeconds: 20,
    ...change,
  }
}
/** A dead process that its parent has not yet waited for is still listed, and does nothing. */
const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}/stat`) && parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8')) !== undefined

test('a line of /proc/PID/stat whose name holds spaces and brackets (proc_pid_stat(5))', { skip }, () => {
  const fields = ['S', '10', '42', '43', ...Array.from({ length: 15 }, () => '0'), '987654', '1000', '7']
  const parsed = parseStat(`42 (ray::a) (b c) ${fields.join(' ')} 0 0`)
  assert.deepEqual(
    { ...parsed, rssBytes: undefined },
    { pid: 42, parent: 10, session: 43, startedAt: '987654', rssBytes: undefined },
  )
  assert.equal((parsed?.rssBytes ?? 0) % 7, 0)
  assert.equal(parseStat(`42 (a) ${['Z', ...fields.slice(1)].join(' ')}`), undefined)
  assert.equal(parseStat(''), undefined)
})

test('bytes on loopback are those that lo received', () => {
  const text = 'Inter-| Receive\n face |bytes packets\n  eth0: 5 1 0\n    lo:  1234  17 0 0 0 0 0 0 1234 17\n'
  assert.equal(loopbackBytes(text), 1234)
})

test('time ends with the result, memory counts what the command held, and its log is kept', { skip }, async (t) => {
  const held = 300e6
  const run = command(
    t,
    `const held = Buffer.alloc(${held}, 1)
     console.log('held', held.length)
     setTimeout(() => require('node:fs').writeFileSync('result', String(Date.now())), 300)
     setTimeout(() => held.at(0), 1300)`,
  )
  const before = Date.now()
  const measured = await measure(run)
  assert.equal(measured.end, 'ended')
  assert.equal(measured.exitCode, 0)
  assert.equal(measured.hasResult, true)
  // By the program's own clock; it lived a second longer.
  const toResult = (Number(readFileSync(run.resultFile, 'utf8')) - before) / 1000
  assert.ok(Math.abs(measured.seconds - toResult) < 0.4, `${measured.seconds} s, and ${toResult} s by its own clock`)
  assert.ok(measured.peakMb > held / 1e6 && measured.peakMb < held / 1e6 + 200, `${measured.peakMb} MB`)
  assert.match(readFileSync(run.logFile, 'utf8'), /^held 300000000/)
})

test('a daemon that left its parent, its session and its group is counted, and ended afterwards', {
  skip,
}, async (t) => {
  const daemon = `const held = Buffer.alloc(200e6, 1); require('node:fs').writeFileSync('pid', String(process.pid)); setTimeout(() => held.at(0), 60000)`
  const run = command(
    t,
    `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(daemon)}], { detached: true, stdio: 'ignore' }).unref()
     const wait = setInterval(() => {
       if (!require('node:fs').existsSync('pid')) return
       clearInterval(wait)
       setTimeout(() => require('node:fs').writeFileSync('result', 'x'), 500)
     }, 50)`,
  )
  const measured = await measure(run)
  assert.ok(measured.peakMb > 200, `${measured.peakMb} MB`)
  const pid = Number(readFileSync(join(run.cwd, 'pid'), 'utf8'))
  assert.ok(pid > 0 && !isAlive(pid))
})

test('a command that goes on too long is stopped, and has no result', { skip }, async (t) => {
  const measured = await measure(command(t, 'setTimeout(() => {}, 60000)', { limitSeconds: 0.5 }))
  assert.equal(measured.end, 'timed out')
  assert.equal(measured.hasResult, false)
})

test('interrupted: it stops at once', { skip }, async (t) => {
  const measured = await measure(command(t, 'setTimeout(() => {}, 60000)', { signal: AbortSignal.timeout(300) }))
  assert.equal(measured.end, 'interrupted')
})

test('a program that is not there: no result, no exception', { skip }, async (t) => {
  const measured = await measure(command(t, '', { program: 'no-such-program' }))
  assert.equal(measured.hasResult, false)
  assert.equal(measured.exitCode, 127)
})
