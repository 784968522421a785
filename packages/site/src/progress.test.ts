import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openJournal } from './journal.ts'
import { progressReader, type ReleasedResult } from './progress.ts'
import { realDisk } from './real-disk.ts'

const disk = realDisk()
const clock = { now: () => Date.UTC(2026, 0, 1), sleep: async () => undefined }

function at(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-progress-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const open = () => {
    const progress = progressReader()
    return {
      progress,
      journal: openJournal({ path: join(folder, 'journal.ndjson'), disk, clock, read: progress.read }),
    }
  }
  return { ...open(), open }
}

const sent = { what: 'upload', method: 'PUT', path: '/', sizeBytes: 1, sha256: 'a', to: 'https://c', planHash: 'b' }
const result = (kind: ReleasedResult['kind'], round: number, task = `${kind}-${round}`): ReleasedResult => ({
  task,
  kind,
  round,
  sha256: 'c'.repeat(64),
})

test('what left is known at once, and by whoever opens the journal later', (t) => {
  const { journal, progress, open } = at(t)
  assert.deepEqual(progress.of('heart'), {})
  journal.write('released', { ...sent, study: 'heart', result: result('train', 1) })
  journal.write('released', { ...sent, study: 'heart', result: result('train', 2) })
  journal.write('released', { ...sent, study: 'heart', result: result('evaluate', 1) })
  journal.write('released', { ...sent, study: 'lung', result: result('finish', 9) })
  for (const reader of [progress, open().progress]) {
    assert.deepEqual(reader.of('heart'), { train: result('train', 2), evaluate: result('evaluate', 1) })
    assert.deepEqual(reader.of('lung'), { finish: result('finish', 9) })
  }
})

test('what another process of the site wrote is known with the next entry', (t) => {
  const { journal, progress, open } = at(t)
  open().journal.write('released', { ...sent, study: 'heart', result: result('train', 3) })
  journal.note('task-accepted', { task: 't', study: 'heart', kind: 'train', round: 4 })
  assert.deepEqual(progress.of('heart'), { train: result('train', 3) })
})

test('only results count: no refusal, no grant, no task that was merely begun; and no round takes a later one back', (t) => {
  const { journal, progress } = at(t)
  journal.write('released', { ...sent, study: 'heart', result: result('train', 5) })
  journal.write('released', { ...sent, what: 'report', study: 'heart' })
  journal.note('task-accepted', { task: 't', study: 'heart', kind: 'train', round: 6 })
  journal.write('task-refused', { task: 't', study: 'heart', code: 'WR_X', why: '' })
  journal.write('released', { ...sent, study: 'heart', result: result('train', 4, 'again') })
  assert.deepEqual(progress.of('heart'), { train: result('train', 5) })
})

test('what left of each task is known, however long ago, and its first result is the one that counts', (t) => {
  const { journal, progress, open } = at(t)
  for (const round of [1, 2, 3]) journal.write('released', { ...sent, study: 'heart', result: result('train', round) })
  journal.note('thanked', { task: 'train-1', study: 'heart' })
  journal.write('released', { ...sent, study: 'heart', result: { ...result('train', 1), sha256: 'd'.repeat(64) } })
  for (const reader of [progress, open().progress]) {
    for (const round of [1, 2, 3]) assert.deepEqual(reader.released('heart', `train-${round}`), result('train', round))
    assert.equal(reader.released('heart', 'train-4'), undefined)
    assert.equal(reader.released('lung', 'train-1'), undefined)
  }
})
