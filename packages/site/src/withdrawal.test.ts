/** A grant may be taken back at any moment: from then on no result leaves, whatever had begun. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readJournal } from './journal.ts'
import { runTask } from './task.ts'
import { type Hospital, hospital } from './testing/hospital.ts'

async function approved(t: TestContext): Promise<Hospital> {
  const made = await hospital()
  t.after(made.remove)
  await made.say('approved')
  return made
}

const released = (at: Hospital, what: string) =>
  readJournal(at.options.disk, join(at.folder, 'journal.ndjson')).entries.filter(
    ({ kind, body }) => kind === 'released' && body.what === what,
  )

/** Trains once; the coordinator hears why nothing came, and `uploads` bodies had left before. */
async function keepsItHere(at: Hospital, uploads: number): Promise<void> {
  const task = at.tasks.train(1)
  await at.coordinator.give(task)
  const site = await at.open()
  const { task: signed } = await site.client.call('nextTask', { query: { wait: 0 } })
  assert.ok(signed)
  await runTask(site, signed)
  const { state } = at.coordinator
  const result = state.results.get(task.id)
  assert.ok(result?.kind === 'failed' && result.code === 'WR_NOT_APPROVED' && result.refused)
  assert.equal(released(at, 'upload').length, uploads)
  assert.deepEqual([state.staged.size, at.options.disk.list(join(at.folder, 'outbox'))], [0, []])
}

test('a grant that is taken back while the task is done keeps its result here', async (t) => {
  const at = await approved(t)
  const { train } = at.trainer
  at.trainer.train = async (request) => {
    await at.say('refused')
    return train(request)
  }
  await keepsItHere(at, 0)
})

test('one that is taken back during training ends it', async (t) => {
  const at = await approved(t)
  at.trainer.train = async (_, options) => {
    options?.stillWanted?.()
    await at.say('refused')
    options?.stillWanted?.()
    return assert.fail('it is wanted, and nobody could send it')
  }
  await keepsItHere(at, 0)
})

test('one that is taken back between two tries to send keeps it here from then on', async (t) => {
  const at = await approved(t)
  const { sleep } = at.clock
  at.coordinator.state.fault = ({ method }) => (method === 'PUT' ? 'lose request' : undefined)
  at.clock.sleep = async (delayMs, signal) => {
    if (released(at, 'decide').length === 1) await at.say('refused')
    return sleep(delayMs, signal)
  }
  await keepsItHere(at, 1)
})
