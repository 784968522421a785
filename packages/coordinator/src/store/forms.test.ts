import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import fc from 'fast-check'
import { Kysely, sql } from 'kysely'
import { taskRow } from '../testing/rows.ts'
import { scratch } from '../testing/scratch.ts'
import { formOf } from './forms.ts'
import { migrate } from './migrations.ts'
import type { Database } from './schema.ts'
import { sqliteDialect } from './sqlite.ts'
import { openStore } from './store.ts'

const open = () => openStore({ kind: 'sqlite', path: ':memory:' }, () => '2026-01-01T00:00:00.000Z')
const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,10}$/)

test('a document comes back letter by letter, wherever it names its task and its site', async () => {
  const store = await open()
  let number = 0
  const content = fc.dictionary(fc.constantFrom('a', 'id', 'site', 'x'), fc.oneof(name, fc.string({ unit: 'binary' })))
  await fc.assert(
    fc.asyncProperty(name, content, async (site, other) => {
      const id = `task-${number++}`
      const document = canonicalJson({ before: { id, site }, id, nested: [other, { id, site }], site, z: other })
      await store.addTasks([taskRow(id, site, { document })])
      assert.equal((await store.task(id))?.document, document)
    }),
    { numRuns: 100 },
  )
  await store.close()
})

test('documents come back as they are, also where there are more than are kept in memory', async () => {
  const store = await open()
  const rows = Array.from({ length: 12 }, (_, index) => {
    const [id, site] = [`t-${index}`, `s-${index}`]
    return taskRow(id, site, { document: canonicalJson({ id, site, x: `${index} `.repeat(500_000) }) })
  })
  for (let turn = 0; turn < 2; turn++) {
    if (turn === 0) await store.addTasks(rows)
    for (const { id, document } of rows) assert.equal((await store.task(id))?.document, document)
  }
  await store.close()
})

test('tasks that differ in their names alone have one form', () => {
  const documentOf = (id: string, site: string) => canonicalJson({ id, kind: 'train', site, weights: 'w' })
  const forms = ['north', 'south'].map((site) =>
    formOf({ id: `t-${site}`, site, document: documentOf(`t-${site}`, site) }),
  )
  assert.deepEqual(forms[0], forms[1])
  assert.notDeepEqual(formOf({ id: 't', site: 'north', document: documentOf('t', 'south') }), forms[0])
})

test('tasks from before there were forms keep their documents', async () => {
  const path = join(scratch(), 'old.sqlite')
  const old = new Kysely<Database>({ dialect: sqliteDialect(path) })
  await migrate(old, 'sqlite', versionBefore)
  const documents = ['{"id":"1"}', '{"id":"2"}', '{"id":"1"}']
  for (const [index, document] of documents.entries())
    await sql`insert into tasks (id, study, kind, round, site, state, document, signature, issued_at, bytes_up, bytes_down)
      values (${`task-${index}`}, 'heart', 'train', 1, ${`site-${index}`}, 'open', ${document}, '', 1, 0, 0)`.execute(
      old,
    )
  await old.destroy()
  const store = await openStore({ kind: 'sqlite', path }, () => '2026-01-01T00:00:00.000Z')
  const rows = await store.tasksOf('heart', 'train', 1)
  assert.deepEqual(
    rows.map(({ document }) => document),
    documents,
  )
  assert.equal((await store.openTask('site-1'))?.document, documents[1])
  await store.close()
})

/** Of the tables, without forms. */
const versionBefore = 3
