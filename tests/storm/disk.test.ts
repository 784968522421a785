/** The simulated disk is a disk as every other, and what a power cut leaves of it is what the ports promise, and no more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '@wardround/core/random.ts'
import { diskSuite } from '@wardround/site/disk.suite.ts'
import { simulatedDisk } from './disk.ts'
import { createTally } from './tally.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const made = (seed: number) => {
  const tally = createTally()
  const machine = simulatedDisk(seededRandom([seed]), tally)
  machine.disk.makeFolder('/site')
  return { machine, tally, textIn: (path: string) => Buffer.from(machine.disk.read(path) ?? []).toString('latin1') }
}

diskSuite('simulated disk', () => ({ disk: made(1).machine.process().disk, folder: '/site' }))

test('what was synced outlives every power cut; what was not is there, gone, torn or zeros, and each comes about', () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 200; seed++) {
    const { machine, textIn } = made(seed)
    const { disk } = machine.process()
    disk.append('/site/a', bytes('kept|'), { durably: true })
    disk.syncFolder('/site')
    assert.equal(Buffer.from(machine.certain('/site/a') ?? []).toString(), 'kept|')
    disk.append('/site/a', bytes('loose'), { durably: false })
    machine.powerCut()
    const left = textIn('/site/a')
    assert.ok(left.startsWith('kept|') && left.length <= 10, left)
    assert.ok([...left.slice(5)].every((letter, at) => letter === '\0' || letter === 'loose'[at]))
    seen.add(left.slice(5).replaceAll('\0', '0'))
    assert.throws(() => disk.read('/site/a'), /EDEAD/)
  }
  for (const left of ['', 'loose', 'lo', '00000']) assert.ok(seen.has(left), left)
})

test('a name that was not synced is there or not; a file that was replaced is the old one or the new one', () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 50; seed++) {
    const { machine, textIn } = made(seed)
    const { disk } = machine.process()
    disk.write('/site/a', [bytes('old')], { durably: true })
    disk.syncFolder('/site')
    disk.write('/site/a.new', [bytes('new')], { durably: true })
    disk.rename('/site/a.new', '/site/a')
    assert.equal(machine.certain('/site/a'), undefined)
    machine.powerCut()
    seen.add(textIn('/site/a'))
  }
  assert.deepEqual([...seen].toSorted(), ['new', 'old'])
})

test('a process dies at its step, before, in the middle or after; the machine goes on, and what it held is free', () => {
  for (const [when, left] of [
    ['before', ''],
    ['during', 'x'],
    ['after', 'x'],
  ] as const) {
    const { machine, textIn } = made(3)
    const told: string[] = []
    const process = machine.process(() => void told.push('dead'))
    process.disk.lock('/site/lock').take()
    process.dieAt({ at: 1, when, powerCut: false })
    assert.throws(() => process.disk.append('/site/a', bytes('x'), { durably: true }), /EDEAD/)
    assert.deepEqual(
      [textIn('/site/a'), told.length, process.dead(), machine.disk.lockedBy('/site/lock')],
      [left, 1, true, undefined],
    )
  }
})

test('a full disk keeps a part of what did not fit, a read-only one nothing; both say so, and it passes', () => {
  const { machine, textIn, tally } = made(5)
  const { disk } = machine.process()
  const code = (wanted: string) => (error: unknown) => (error as NodeJS.ErrnoException).code === wanted
  machine.setTrouble('ENOSPC')
  assert.throws(() => disk.append('/site/a', bytes('abcd'), { durably: true }), code('ENOSPC'))
  assert.equal(textIn('/site/a'), 'ab')
  machine.setTrouble('EROFS')
  assert.throws(() => disk.append('/site/a', bytes('abcd'), { durably: true }), code('EROFS'))
  machine.setTrouble('EIO')
  assert.throws(() => disk.append('/site/a', bytes('cd'), { durably: true }), code('EIO'))
  assert.deepEqual([textIn('/site/a'), machine.certain('/site/a')], ['abcd', undefined])
  machine.setTrouble(undefined)
  disk.append('/site/a', bytes('e'), { durably: true })
  assert.equal(textIn('/site/a'), 'abcde')
  assert.deepEqual([tally.counts.diskFull, tally.counts.diskReadOnly, tally.counts.syncFails], [1, 1, 1])
})
