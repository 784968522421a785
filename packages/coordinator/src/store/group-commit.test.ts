import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Kysely } from 'kysely'
import { groupCommit } from './group-commit.ts'
import { sqliteDialect } from './sqlite.ts'

type Database = { t: { x: number } }

/** A table in memory, and how often it was committed. */
async function table() {
  const db = new Kysely<Database>({ dialect: sqliteDialect(':memory:') })
  await db.schema
    .createTable('t')
    .addColumn('x', 'integer', (column) => column.primaryKey())
    .execute()
  let commits = 0
  const commit = groupCommit(db, {
    gather: async () => undefined,
    begin: async () => undefined,
    committed: () => {
      commits += 1
    },
  })
  const add = (x: number, more: () => void = () => undefined) =>
    commit(async (transaction) => {
      await transaction.insertInto('t').values({ x }).execute()
      more()
      return x
    })
  const rows = async (): Promise<number[]> =>
    (await db.selectFrom('t').selectAll().orderBy('x').execute()).map(({ x }) => x)
  return { db, commit, add, rows, commits: () => commits }
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1)

test('what waits at the same time is committed together, in order, and each is given its own result', async () => {
  const { add, rows, commits } = await table()
  assert.deepEqual(await Promise.all(upTo(50).map((x) => add(x))), upTo(50))
  assert.deepEqual(await rows(), upTo(50))
  assert.equal(commits(), 1)
  await add(51)
  assert.equal(commits(), 2)
})

test('one that fails takes nothing of the others with it, and leaves nothing of its own', async () => {
  const { add, rows, commits } = await table()
  const fail = (): never => {
    throw new Error('refused')
  }
  const settled = await Promise.allSettled([add(1), add(2, fail), add(1), add(3)])
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  )
  assert.match(String(settled[1]?.status === 'rejected' && settled[1].reason), /refused/)
  assert.match(String(settled[2]?.status === 'rejected' && settled[2].reason), /UNIQUE/)
  assert.deepEqual(await rows(), [1, 3])
  assert.equal(commits(), 1)
})

test('nobody is answered before the commit, and nobody well where it fails', async () => {
  const { db, commit, add, rows, commits } = await table()
  const answered: number[] = []
  // The last of the group takes the transaction away, as a full disk does: there is nothing left to commit, or to go back to.
  const before = [1, 2].map((x) => add(x).then((own) => void answered.push(own)))
  const last = commit(async (transaction) => {
    assert.deepEqual(answered, [])
    await transaction.executeQuery({ ...db.selectFrom('t').selectAll().compile(), sql: 'rollback', parameters: [] })
    throw new Error('the disk is full')
  })
  const settled = await Promise.allSettled([last, ...before])
  for (const result of settled) assert.match(String(result.status === 'rejected' && result.reason), /the disk is full/)
  assert.deepEqual([answered, await rows(), commits()], [[], [], 0])
  assert.equal(await add(7), 7)
  assert.deepEqual(await rows(), [7])
})

test('who comes while others are committed is in the next commit', async () => {
  const { add, rows, commits } = await table()
  let late: Promise<number> | undefined
  const come = (): void => {
    late = add(3)
  }
  await Promise.all([add(1, come), add(2)])
  assert.equal(await late, 3)
  assert.deepEqual([await rows(), commits()], [[1, 2, 3], 2])
})
