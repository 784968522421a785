/** A site whose trainer was taken over: it is stopped, the site lives, journals it, says so, and trains again. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parseStudy } from '@wardround/core/protocol/plan.ts'
import { readJournal } from '@wardround/site/journal.ts'
import { createTrainer, type Trainer } from '@wardround/site/training/trainer.ts'
import { openFederation } from './federation.ts'
import { disk, scratch, smallStudy, smallTable } from './support.ts'

const hostile = createTrainer({
  program: new URL('../packages/site/src/training/testing/hostile.ts', import.meta.url),
  limits: { memoryMegabytes: 300, minutes: 0.04 },
})
const honest = createTrainer()
after(() => Promise.all([hostile.close(), honest.close()]))

/** What it does in the first rounds, one after another; later it answers. */
const acts = ['read a file', 'kill the site', 'fetch', 'fill the memory', 'spin', 'abort', 'say nonsense']
const wanted = [
  ...['WR_TRAINER_DENIED', 'WR_TRAINER_DENIED', 'WR_TRAINER_DENIED', 'WR_TRAINER_MEMORY', 'WR_TRAINER_TIME'],
  ...['WR_TRAINER_CRASHED', 'WR_TRAINER_ANSWER'],
]
const on = ['/etc/hostname', '', 'http://127.0.0.1:65000']
let round = 0
const trainer: Trainer = {
  ...honest,
  train(request, options) {
    const act = round++
    return hostile.train({ ...request, labels: [acts[act] ?? 'honest', on[act] ?? ''] }, options)
  },
}

test('a site outlives a trainer that was taken over: each attempt is in its journal, its log and the coordinator', async () => {
  const folder = scratch('sandbox')
  const tables = Object.fromEntries(['alpha', 'beta', 'gamma'].map((site) => [site, smallTable(site)]))
  const federation = await openFederation(folder, tables, { trainers: { beta: trainer } })
  const study = await federation.publish(parseStudy(smallStudy().replace('maximum: 3', 'maximum: 9')))
  federation.runSites()
  await federation.finish(study)
  const detail = await federation.client.call('study', { params: { study } })
  const { entries } = readJournal(disk, join(folder, 'beta', 'journal.ndjson'))
  const log = federation.sites.find(({ name }) => name === 'beta')?.log ?? []
  await federation.close()
  assert.deepEqual(
    entries.filter(({ kind }) => kind === 'task-refused').map(({ body }) => body.code),
    wanted,
  )
  assert.deepEqual(detail.failures.map(({ site, code, refused }) => [site, code, refused]).toReversed(), [
    ...wanted.map((code) => ['beta', code, false]),
  ])
  for (const what of ['it tried what it may not', 'needed more memory', 'took longer', 'has ended by itself'])
    assert.ok(
      log.some((line) => line.startsWith('failed: ') && line.includes(what)),
      what,
    )
  // What is said to others names nothing of this machine.
  assert.ok(detail.failures.every(({ parameters }) => Object.keys(parameters).length === 0))
  const thanked = entries.filter(({ kind, body }) => kind === 'thanked' && String(body.task).includes('-train-'))
  assert.equal(thanked.length, 9 - wanted.length)
})
