import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, test } from 'node:test'
import type { Disk } from '@wardround/core/ports.ts'
import { writeDurably, writeWhole } from './files.ts'
import { openJournal } from './journal.ts'
import { realDisk } from './real-disk.ts'

const root = mkdtempSync(join(tmpdir(), 'wardround-files-'))
after(() => rmSync(root, { recursive: true }))

/** A disk that writes down what is done to it: the order is what a power cut leaves. */
function recorded() {
  const folder = mkdtempSync(join(root, 'f-'))
  const done: string[] = []
  const disk = realDisk()
  const name = (path: string): string => relative(folder, path) || '.'
  const recording: Disk = {
    ...disk,
    write: (path, parts, durability) => {
      done.push(`${durability.durably ? 'write durably' : 'write'} ${name(path)}`)
      disk.write(path, parts, durability)
    },
    append: (path, bytes, durability) => {
      done.push(`${durability.durably ? 'append durably' : 'append'} ${name(path)}`)
      disk.append(path, bytes, durability)
    },
    rename: (from, to) => {
      done.push(`rename ${name(from)} ${name(to)}`)
      disk.rename(from, to)
    },
    syncFolder: (path) => {
      done.push(`sync ${name(path)}`)
      disk.syncFolder(path)
    },
  }
  return { folder, done, disk: recording }
}

test('a durable file has its content on disk before its name changes, and then its name', () => {
  const { folder, done, disk } = recorded()
  writeDurably(disk, join(folder, 'a', 'grant'), 'yes')
  assert.deepEqual(done, ['write durably a/grant.new', 'rename a/grant.new a/grant', 'sync a'])
})

test('a file that need not outlive a power cut waits for none', () => {
  const { folder, done, disk } = recorded()
  writeWhole(disk, join(folder, 'result'), [Buffer.from('a'), Buffer.from('b')])
  assert.deepEqual(done, ['write result.new', 'rename result.new result'])
})

test('a journal is on disk by its name, too, before anything leaves; and once is enough', () => {
  const { folder, done, disk } = recorded()
  const path = join(folder, 'journal')
  const clock = { now: () => 0, sleep: async () => undefined }
  const journal = openJournal({ path, disk, clock })
  journal.note('left', { site: 's' })
  journal.write('left', { site: 's' })
  journal.write('left', { site: 's' })
  const line = 'append durably journal'
  assert.deepEqual(done, ['append journal', line, 'sync .', line])
  // Whoever made the file may have died before its name was on disk.
  openJournal({ path, disk, clock }).write('left', { site: 's' })
  assert.deepEqual(done.slice(-2), [line, 'sync .'])
})
