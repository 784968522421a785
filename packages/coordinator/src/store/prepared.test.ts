import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Kysely, sql } from 'kysely'
import { coded } from '../testing/errors.ts'
import { prepared } from './prepared.ts'
import { sqliteDialect } from './sqlite.ts'

type Database = { t: { x: number; y: string | null } }
type Db = Kysely<Database>

async function table(): Promise<Db> {
  const db = new Kysely<Database>({ dialect: sqliteDialect(':memory:') })
  await db.schema.createTable('t').addColumn('x', 'integer').addColumn('y', 'text').execute()
  return db
}

test('a query is built once for each database, and takes its values anew each time, in a transaction too', async () => {
  let built = 0
  const add = prepared((db: Db, { x, y }: { x: number; y: string | null }) => {
    built += 1
    return db.insertInto('t').values({ y, x })
  })
  const found = prepared((db: Db, { from }: { from: number }) =>
    db.selectFrom('t').selectAll().where('x', '>=', from).where('x', '<=', sql.lit(9)).where('x', '>=', from),
  )
  const [one, other] = [await table(), await table()]
  for (const [x, y] of [
    [1, 'a'],
    [2, null],
    [3, 'c'],
    [10, 'd'],
  ] as const)
    await add(one, { x, y })
  await one.transaction().execute((transaction) => add(transaction, { x: 4, y: 'e' }))
  await add(other, { x: 5, y: 'f' })
  assert.equal(built, 2)
  const rows = async (db: Db, from: number) => (await found(db, { from })).rows.map((row) => ({ ...row }))
  assert.deepEqual(await rows(one, 2), [
    { x: 2, y: null },
    { x: 3, y: 'c' },
    { x: 4, y: 'e' },
  ])
  assert.deepEqual(await rows(other, 1), [{ x: 5, y: 'f' }])
})

test('a value that was looked at, or is not there, is a bug that is told', async () => {
  const db = await table()
  const looks = prepared((db: Db, { x, y }: { x: number; y?: string }) => {
    const query = db.selectFrom('t').selectAll().where('x', '=', x)
    return String(y) === 'all' ? query : query.where('y', 'is', null)
  })
  await assert.rejects(async () => looks(db, { x: 1, y: 'all' }), coded('WR_INTERNAL'))
  const finds = prepared((db: Db, { y }: { y?: string }) =>
    db
      .selectFrom('t')
      .selectAll()
      .where('y', '=', y ?? ''),
  )
  await assert.rejects(async () => finds(db, {}), coded('WR_INTERNAL'))
})
