/**
 * What every store must do with one that an earlier version made: store_v1.json has the rows and blobs of a real one in the middle of a study,
 * where b has yet to train for round 3 (fixtures/make_store_v1.sh).
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { firstBroken } from '@wardround/core/protocol/chain.ts'
import { taskSchema } from '@wardround/core/protocol/task.ts'
import { memoryBlobs } from '../blobs/memory.ts'
import { startBare } from '../testing/bare.ts'
import { testClock } from '../testing/clock.ts'
import { honest, isoNow, startedStudy, testWorld } from '../testing/federation.ts'
import { nothingLeft, nothingMissing } from '../testing/needs.ts'
import { testSite } from '../testing/site.ts'
import { parsedPlan, studyIdOf } from '../testing/study.ts'
import { latestVersion } from './migrations.ts'
import type { StorePlace } from './store.suite.ts'
import { openStore } from './store.ts'

type Row = Readonly<Record<string, string | number | null>>
type Fixture = {
  readonly schema: readonly string[]
  readonly tables: Readonly<Record<string, readonly Row[]>>
  readonly blobs: Readonly<Record<string, string>>
}
const fixture = JSON.parse(readFileSync(new URL('fixtures/store_v1.json', import.meta.url), 'utf8')) as Fixture
/** What the script played. */
const change = { strategy: { fedAdam: { rate: 0.1 } }, rounds: { maximum: 4 } }
const delta = (round: number, site: string): number => (site === 'a' ? 1 : 3) / round
const parsed = parsedPlan(change)
const study = studyIdOf(parsed)

export type OldPlace = StorePlace & {
  readonly execute: (statement: string) => Promise<void>
  /** Makes the tables of version 1. */
  readonly prepare: (schema: readonly string[]) => Promise<void>
}

const literal = (value: string | number | null): string =>
  value === null ? 'null' : typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`

async function filled(place: OldPlace): Promise<OldPlace> {
  await place.prepare(fixture.schema)
  await place.execute('delete from meta')
  for (const [table, rows] of Object.entries(fixture.tables))
    for (const row of rows) {
      const columns = Object.keys(row).map((column) => `"${column}"`)
      const values = Object.values(row).map(literal)
      await place.execute(`insert into ${table} (${columns.join(', ')}) values (${values.join(', ')})`)
    }
  return place
}

const without = (rows: readonly object[], column: string): object[] =>
  rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => name !== column)))
const byId = (rows: readonly Row[] | undefined) => rows?.toSorted((a, b) => (String(a.id) < String(b.id) ? -1 : 1))

export function upgradeSuite(name: string, place: () => Promise<OldPlace>): void {
  test(`${name}: a store of version 1 keeps every row, and gets what it lacks`, async () => {
    const where = await filled(await place())
    assert.equal(fixture.tables.meta?.[0]?.value, '1')
    assert.ok(latestVersion > 1)
    for (let turn = 0; turn < 2; turn++) {
      const store = await openStore(where.options, () => '')
      const tasks = await store.studyTasks(study)
      assert.deepEqual(without(byId(tasks as unknown as Row[]) ?? [], 'counted_in'), byId(fixture.tables.tasks))
      assert.deepEqual(
        (await store.rounds(study)).map((row) => ({ ...row })),
        fixture.tables.rounds,
      )
      assert.deepEqual(
        (await store.studies()).map((row) => ({ ...row })),
        fixture.tables.studies,
      )
      assert.equal(await store.lastSequence(), fixture.tables.events?.length)
      const entries = await store.auditEntries(0, 1000)
      assert.equal(entries.length, fixture.tables.audit?.length)
      assert.equal(firstBroken(entries), undefined)
      // Training of rounds 1 and 2 counted in its round; a's of round 3 has yet to.
      const counted = tasks
        .filter(({ kind }) => kind === 'train')
        .map(({ id, counted_in }) => `${id.slice(-9)} ${counted_in}`)
      assert.deepEqual(counted.toSorted(), [
        'train-1-a 1',
        'train-1-b 1',
        'train-2-a 2',
        'train-2-b 2',
        'train-3-a null',
        'train-3-b null',
      ])
      const kept = (await store.blobRefs(study)).map(({ sha256 }) => sha256)
      assert.deepEqual(kept, Object.keys(fixture.blobs).toSorted())
      await store.close()
    }
  })

  test(`${name}: the study goes on where version 1 left it, and comes to the same weights; what it no longer needs goes`, async () => {
    const undisturbed = await startedStudy(['a', 'b'], change)
    await undisturbed.work(honest(undisturbed.parsed, { delta }))
    const { weightsSha256: wanted } = await undisturbed.results()
    await undisturbed.close()
    const where = await filled(await place())
    const clock = testClock()
    const blobs = memoryBlobs()
    for (const [sha256, bytes] of Object.entries(fixture.blobs)) await blobs.put(Buffer.from(bytes, 'base64'), sha256)
    const store = await openStore(where.options, isoNow(clock))
    const world = await testWorld({ clock, blobs, store })
    const bare = await startBare(world)
    await bare.idle()
    await nothingMissing(store, blobs)
    await nothingLeft(store, blobs)
    const line = (_: unknown, name: string) => bare.as(name)
    const { keys, entropy } = world
    const behaviour = honest(parsed, { delta })
    for (let acted = true; acted; await bare.idle()) {
      acted = false
      for (const name of ['a', 'b']) {
        const { task } = await bare.as(name)('nextTask')
        if (task === null) continue
        const site = await testSite({ line, site: name, clock, entropy, coordinatorKey: keys.publicKey })
        const document = taskSchema.parse(JSON.parse(task.document))
        await site.perform(document, behaviour(document, name))
        acted = true
      }
    }
    const results = JSON.parse((await store.study(study))?.results ?? 'null') as {
      outcome: string
      weightsSha256: string
    }
    assert.deepEqual([results.outcome, results.weightsSha256], ['completed', wanted])
    await nothingLeft(store, blobs)
    await bare.close()
  })

  test(`${name}: a migration that fails leaves version 1 as it was, for the version that made it`, async () => {
    const where = await filled(await place())
    const [round] = fixture.tables.rounds ?? []
    await where.execute(`update rounds set weights_in = 'no JSON' where number = 1`)
    await assert.rejects(openStore(where.options, () => ''))
    await assert.rejects(where.execute('select counted_in from tasks'), /counted_in/)
    await assert.rejects(where.execute('select sha256 from blob_refs'), /blob_refs/)
    await where.execute(`update rounds set weights_in = ${literal(round?.weights_in ?? null)} where number = 1`)
    const store = await openStore(where.options, () => '')
    assert.equal((await store.blobRefs(study)).length, Object.keys(fixture.blobs).length)
    await store.close()
  })
}
