/**
 * A coordinator that is lost and restored from a backup, in front of real hospitals that have gone on since: they do again what it has forgotten, with
 * the very same bytes, and the study ends with the very weights of the one that nobody disturbed.
 */
import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { restore } from '@wardround/coordinator/backup/restore.ts'
import { type ParsedStudy, parseStudy } from '@wardround/core/protocol/plan.ts'
import { readJournal } from '@wardround/site/journal.ts'
import { releasedResultSchema } from '@wardround/site/progress.ts'
import { watchStudy } from '../packages/cli/src/federation.ts'
import { localCoordinator, openFederation } from './federation.ts'
import { essence } from './kill/federation.ts'
import { clock, disk, ed25519, entropy, scratch, smallStudy, smallTable } from './support.ts'

const rounds = 8
const tables = { north: smallTable('north'), south: smallTable('south') }
const long = (change: (text: string) => string): ParsedStudy =>
  parseStudy(change(smallStudy()).replace('maximum: 3', `maximum: ${rounds}`).replace('20s', '10m'))
const studies = {
  'personal weights': long((text) => text),
  'corrected gradients': long((text) =>
    text.replace('fedAvg', 'scaffold').replace('adam: { rate: 0.02 }', 'sgd: { rate: 0.1 }'),
  ),
}

/** Each task's results that left each hospital, however often: one digest. */
function sentOnce(folder: string): void {
  for (const name of Object.keys(tables)) {
    const { broken, entries } = readJournal(disk, join(folder, name, 'journal.ndjson'))
    assert.equal(broken, undefined)
    const left = entries.flatMap(({ body }) => releasedResultSchema.safeParse(body.result).data ?? [])
    for (const [task, sent] of Map.groupBy(left, ({ task }) => task))
      assert.equal(new Set(sent.map(({ sha256 }) => sha256)).size, 1, task)
    assert.ok(!entries.some(({ kind }) => kind === 'task-refused'), `${name} refused something`)
  }
}

for (const [name, parsed] of Object.entries(studies))
  test(`hospitals that are ahead of a restored coordinator do it again, to the bit: ${name}`, {
    timeout: 120_000,
  }, async (context) => {
    const folder = scratch('backup')
    const federation = await openFederation(folder, tables)
    const { client, url } = federation
    context.after(federation.close)
    const id = await federation.publish(parsed)
    const params = { study: id }
    const backups: string[] = []
    const keep = async (): Promise<void> => {
      backups.push(join(folder, `backup-${backups.length}`))
      await federation.coordinator.backup(join(folder, 'coordinator'), backups.at(-1) ?? '', {})
    }
    federation.runSites()
    await client.call('start', { params, body: {} })
    for (const reached of [1, 3, 5]) {
      while ((await client.call('study', { params })).round < reached) await sleep(10)
      await keep()
    }
    let heard = 0
    await watchStudy(client, id, { onEvent: ({ sequence }) => (heard = sequence), signal: context.signal })
    const wanted = essence(await client.call('results', { params }))
    await federation.coordinator.close()
    for (const [turn, from] of backups.entries()) {
      const home = join(folder, `coordinator-${turn}`)
      await restore({ from, folder: home, store: 'sqlite', clock, entropy, ed25519 })
      const { coordinator } = await localCoordinator(home, Number(new URL(url).port))
      context.after(coordinator.close)
      // Whoever has heard of more than the restored one knows misses nothing of what comes.
      const kinds: string[] = []
      const onEvent = ({ kind, sequence }: { kind: string; sequence: number }): void => {
        kinds.push(kind)
        heard = sequence
      }
      const patience = { clock, entropy, signal: context.signal }
      await watchStudy(client, id, { after: heard, onEvent, patience, signal: context.signal })
      assert.equal(kinds[0], 'coordinator.restored')
      assert.ok(kinds.includes('round.ended'))
      assert.deepEqual(essence(await client.call('results', { params })), wanted)
      assert.equal((await client.call('audit')).holds, true)
      await coordinator.close()
      sentOnce(folder)
    }
  })

test('hospitals that cannot do a round again as they did it then say so and send nothing; the study ends and says why', {
  timeout: 120_000,
}, async (context) => {
  const folder = scratch('backup')
  const federation = await openFederation(folder, tables)
  const { client, url } = federation
  context.after(federation.close)
  const id = await federation.publish(long((text) => text.replace('quorum: 2', 'quorum: 1')))
  const params = { study: id }
  federation.runSites()
  await client.call('start', { params, body: {} })
  while ((await client.call('study', { params })).round < 3) await sleep(10)
  const from = join(folder, 'backup')
  await federation.coordinator.backup(join(folder, 'coordinator'), from, {})
  await watchStudy(client, id, { onEvent: () => undefined, signal: context.signal })
  await federation.coordinator.close()
  const personal = join(folder, 'north', 'studies', id, 'personal')
  for (const name of readdirSync(personal)) rmSync(join(personal, name))
  const home = join(folder, 'restored')
  await restore({ from, folder: home, store: 'sqlite', clock, entropy, ed25519 })
  const { coordinator } = await localCoordinator(home, Number(new URL(url).port))
  context.after(coordinator.close)
  const patience = { clock, entropy, signal: context.signal }
  await watchStudy(client, id, { onEvent: () => undefined, patience, signal: context.signal })
  const { outcome, failures } = await client.call('study', { params })
  assert.equal(outcome, 'abandoned')
  const told = failures.flatMap(({ site, kind, round, code }) => (kind === 'train' ? [`${site} ${round} ${code}`] : []))
  const round = Number(told.findLast((text) => text.startsWith('north'))?.split(' ')[1])
  // This round without north is another than before: what south did for the next then, it does not do again for that.
  const wanted = [
    `north ${round} WR_ROUND_FORGOTTEN`,
    `north ${round + 1} WR_ROUND_FORGOTTEN`,
    `south ${round + 1} WR_ROUND_REPLAYED`,
  ]
  assert.deepEqual(told.toSorted(), wanted)
  await coordinator.close()
})
