/** The real coordinator and real trainers: a site that is late in a round hears that it has closed, and takes part in the next one. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readJournal } from '@wardround/site/journal.ts'
import { createTrainer, type Trainer } from '@wardround/site/training/trainer.ts'
import { openFederation } from './federation.ts'
import { disk, parsedSmall, scratch, smallTable } from './support.ts'

/** One that would train in the first round for as long as nobody stops it. */
function endless(): { readonly trainer: Trainer; readonly ended: string[] } {
  const [trainer, ended] = [createTrainer({ graceMs: 600_000 }), [] as string[]]
  return {
    ended,
    trainer: {
      ...trainer,
      async train(request, options) {
        const [, kind, , round] = request.labels
        const first = kind === 'train' && round === 1
        const asked = first ? { ...request, epochs: 10_000_000 } : request
        return trainer.train(asked, options).catch((error: Error & { code?: string }) => {
          ended.push(`${first ? 'first' : 'later'} ${error.code}`)
          throw error
        })
      },
    },
  }
}

test('a round that closes without a site ends its training, and the site goes on with the next round', async () => {
  const { trainer, ended } = endless()
  const tables = { north: smallTable('north'), south: smallTable('south') }
  const federation = await openFederation(scratch('several'), tables, { trainers: { north: trainer } })
  try {
    const parsed = parsedSmall('', 1)
    const plan = { ...parsed.plan, rounds: { ...(parsed.plan.rounds as object), deadline: '3s' } }
    const id = await federation.publish({ ...parsed, plan })
    for (const site of federation.sites) Object.assign(site.options, { atOnce: 1 })
    federation.runSites()
    const { rounds, outcome } = await federation.finish(id)
    const states = rounds.map(({ sites }) => Object.fromEntries(sites.map(({ site, state }) => [site, state])))
    assert.deepEqual(states[0], { north: 'late', south: 'contributed' })
    assert.deepEqual(states.at(-1), { north: 'contributed', south: 'contributed' })
    assert.notEqual(outcome, 'abandoned')
    assert.deepEqual(ended, ['first WR_TASK_CLOSED'])
    const north = federation.sites.find(({ name }) => name === 'north') ?? assert.fail()
    const task = `${id}-train-1-north`
    assert.equal(north.log.filter((line) => line.startsWith(`${task} is wanted no more`)).length, 1)
    const { entries } = readJournal(disk, join(north.folder, 'journal.ndjson'))
    assert.equal(entries.filter(({ kind, body }) => kind === 'released' && String(body.path).includes(task)).length, 0)
    assert.equal(existsSync(join(north.folder, 'studies', id, 'checkpoint')), false)
  } finally {
    await federation.close()
    await trainer.close()
  }
})
