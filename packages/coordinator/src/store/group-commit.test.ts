import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { CompiledQuery, Kysely, type Transaction } from 'kysely'
import { coded } from '../testing/errors.ts'
import { groupCommit, mostTogether } from './group-commit.ts'
import { sqliteDialect } from './sqlite.ts'

type Database = { t: { x: number; needs: number | null } }

/** A table in memory, and how often it was committed. A row that needs another is refused where that is not there, but not before the commit. */
async function table(
  begin: () => Promise<void> = async () => undefined,
  gather: () => Promise<void> = async () => undefined,
) {
  const db = new Kysely<Database>({ dialect: sqliteDialect(':memory:') })
  await db.executeQuery(
    CompiledQuery.raw(
      'create table t (x integer primary key, needs integer references t (x) deferrable initially deferred)',
    ),
  )
  let commits = 0
  const commit = groupCommit(db, {
    gather,
    begin,
    committed: () => {
      commits += 1
    },
    lost: (cause) => new WardroundError('WR_STORE', { store: 'SQLite', reason: String(cause) }, { cause }),
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

test('a group waits for as long as more come, and no longer', async () => {
  let [turns, last] = [0, 1]
  const added: Promise<number>[] = []
  const { add, rows, commits } = await table(undefined, async () => {
    turns += 1
    if (turns <= 3) added.push(add(++last))
  })
  added.push(add(1))
  await Promise.all(added)
  // With the fourth turn came nobody.
  assert.deepEqual([await rows(), commits(), turns], [upTo(4), 1, 4])
  await add(5)
  assert.deepEqual([commits(), turns], [2, 5])
})

test('a group that is full waits for nobody', async () => {
  let turns = 0
  const { add, commits } = await table(undefined, async () => {
    turns += 1
  })
  await Promise.all(upTo(mostTogether).map((x) => add(x)))
  assert.deepEqual([commits(), turns], [1, 1])
})

test('a crowd is committed in groups, first come, first served', async () => {
  const { add, rows, commits } = await table()
  const last = 2 * mostTogether + 1
  const seen: { x: number; commits: number }[] = []
  await Promise.all(upTo(last).map(async (x) => seen.push({ x: await add(x), commits: commits() })))
  assert.deepEqual(
    seen,
    upTo(last).map((x) => ({ x, commits: Math.ceil(x / mostTogether) })),
  )
  assert.deepEqual(await rows(), upTo(last))
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

/** As a full disk takes it away, or a line that is cut: there is nothing left to commit, or to go back to. */
const takeAway = (transaction: Transaction<Database>): Promise<unknown> =>
  transaction.executeQuery(CompiledQuery.raw('rollback'))

test('nobody is answered before the commit, and nobody well where it fails', async () => {
  const { commit, add, rows, commits } = await table()
  const answered: number[] = []
  const before = [1, 2].map((x) => add(x).then((own) => void answered.push(own)))
  const last = commit(async (transaction) => {
    assert.deepEqual(answered, [])
    await takeAway(transaction)
    throw new Error('the disk is full')
  })
  for (const settled of await Promise.allSettled([last, ...before, add(3)]))
    assert.ok(settled.status === 'rejected' && coded('WR_STORE', { reason: 'Error: the disk is full' })(settled.reason))
  assert.deepEqual([answered, await rows(), commits()], [[], [], 0])
  assert.equal(await add(7), 7)
  assert.deepEqual(await rows(), [7])
})

test('where the transaction is gone, what one was refused for is not told to the others, nor to it', async () => {
  const { commit, add, rows } = await table()
  const refused = commit(async (transaction) => {
    await takeAway(transaction)
    throw new WardroundError('WR_TASK_CLOSED', { task: 'mine' })
  })
  for (const settled of await Promise.allSettled([add(1), refused, add(2)]))
    assert.ok(settled.status === 'rejected' && coded('WR_STORE')(settled.reason))
  assert.deepEqual(await rows(), [])
})

test('where it is the commit that fails, nobody is answered well, not even with a refusal, and nothing is left', async () => {
  const { commit, add, rows, commits } = await table()
  const broken = commit(async (transaction) => {
    await transaction.insertInto('t').values({ x: 2, needs: 99 }).execute()
  })
  const group = [add(1), broken, commit(() => Promise.reject(new Error('refused'))), add(3)]
  for (const settled of await Promise.allSettled(group))
    assert.ok(settled.status === 'rejected' && coded('WR_STORE')(settled.reason))
  assert.deepEqual([await rows(), commits()], [[], 0])
  assert.equal(await add(1), 1)
  assert.deepEqual([await rows(), commits()], [[1], 1])
})

test('where a transaction cannot begin, nobody is answered well, and those who come later are', async () => {
  let beginnings = 0
  const { add, rows } = await table(async () => {
    beginnings += 1
    if (beginnings === 1) throw new Error('no lock')
  })
  for (const settled of await Promise.allSettled([add(1), add(2)]))
    assert.ok(settled.status === 'rejected' && coded('WR_STORE')(settled.reason))
  assert.equal(await add(3), 3)
  assert.deepEqual(await rows(), [3])
})

test('work that throws at once is refused as any other, and stops nobody', async () => {
  const { commit, add, rows } = await table()
  const thrown = (): never => {
    throw new Error('at once')
  }
  const [alone] = await Promise.allSettled([commit(thrown)])
  const settled = await Promise.allSettled([add(1), commit(thrown), add(2)])
  assert.deepEqual(
    [alone, ...settled].map((result) => result?.status),
    ['rejected', 'fulfilled', 'rejected', 'fulfilled'],
  )
  assert.deepEqual(await rows(), [1, 2])
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
