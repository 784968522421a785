/** A hospital chooses what it computes on, and its journal says so where bits depend on it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseConfig } from './config.ts'
import { readJournal } from './journal.ts'
import { runTask } from './task.ts'
import { hospital } from './testing/hospital.ts'

test('it is the processor, unless a hospital says otherwise', () => {
  const deviceOf = (training: string) => parseConfig(`data: { file: a.csv }\n${training}`, 'site.yaml').training.device
  assert.equal(deviceOf(''), 'cpu')
  assert.equal(deviceOf('training: { minutes: 5 }'), 'cpu')
  assert.equal(deviceOf('training: { device: webgpu }'), 'webgpu')
  assert.throws(() => deviceOf('training: { device: cuda }'), /device/)
})

/** What the journal says of a training that was taken up. */
async function accepted(t: TestContext, policy: string): Promise<unknown> {
  const at = await hospital({ policy })
  t.after(at.remove)
  await at.say('approved')
  await at.coordinator.give(at.tasks.train(1))
  const site = await at.open()
  const { task } = await site.client.call('nextTask', { query: { wait: 0 } })
  assert.ok(task)
  await runTask(site, task)
  const { entries } = readJournal(at.options.disk, join(at.folder, 'journal.ndjson'))
  return entries.find(({ kind }) => kind === 'task-accepted')?.body.device
}

test('the journal names it with the task, where it is no processor', async (t) => {
  assert.equal(await accepted(t, ''), undefined)
  assert.equal(await accepted(t, 'training: { device: webgpu }'), 'webgpu')
})
