/**
 * Transactions that wait at the same time share one commit. A commit waits for the disk; a thousand results that come together need not wait
 * for it a thousand times. Each is a savepoint of its own, so that one that fails takes nothing of the others with it; each is answered when
 * all of them are durable, and none if the commit fails.
 */
import { WardroundError } from '@wardround/core/errors.ts'
import { CompiledQuery, type Kysely, type Transaction } from 'kysely'

export type GroupCommit<DB> = <T>(work: (transaction: Transaction<DB>) => Promise<T>) => Promise<T>

type Member<DB> = {
  readonly work: (transaction: Transaction<DB>) => Promise<unknown>
  resolve(result: unknown): void
  reject(error: unknown): void
}

type Options<DB> = {
  /** Lets those come who are about to; again for as long as some do. Then the commit is made for all who are there. */
  readonly gather: () => Promise<void>
  /** Before the first of a group. */
  readonly begin: (transaction: Transaction<DB>) => Promise<void>
  /** After each commit, before anybody hears of it. */
  readonly committed: () => void
  /**
   * What all of a group are told where it is not committed. It is the same for all: what one of them was refused for is no reason for the
   * others, and may itself come from what another had written.
   */
  readonly lost: (cause: unknown) => unknown
}

/** Nothing else is read or answered while a group is written: more than these come in another one. */
export const mostTogether = 64

export function groupCommit<DB>(db: Kysely<DB>, { gather, begin, committed, lost }: Options<DB>): GroupCommit<DB> {
  const waiting: Member<DB>[] = []
  let busy = false
  /** A commit costs nearly as much for one as for sixty-four. */
  const gathered = async (): Promise<void> => {
    for (;;) {
      const before = waiting.length
      await gather()
      if (waiting.length === before || waiting.length >= mostTogether) return
    }
  }
  const commitNext = async (): Promise<void> => {
    await gathered()
    const members = waiting.splice(0, mostTogether)
    const answers = await db
      .transaction()
      .execute(async (transaction) => {
        await begin(transaction)
        return inTurn(transaction, members)
      })
      .catch((cause: unknown) => {
        const told = lost(cause)
        for (const { reject } of members) reject(told)
      })
    if (answers === undefined) return
    for (const answer of answers) answer()
    committed()
  }
  const work = async (): Promise<void> => {
    busy = true
    try {
      while (waiting.length > 0) await commitNext()
    } finally {
      busy = false
    }
  }
  return <T>(own: (transaction: Transaction<DB>) => Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      waiting.push({ work: own, resolve: (result) => resolve(result as T), reject })
      if (!busy) void work()
    })
}

type Answer = () => void

/** One after another, as they came. */
async function inTurn<DB>(transaction: Transaction<DB>, members: readonly Member<DB>[]): Promise<Answer[]> {
  const answers: Answer[] = []
  for (const member of members) answers.push(await apart(transaction, member))
  return answers
}

const savepoint = CompiledQuery.raw('savepoint member')
const release = CompiledQuery.raw('release savepoint member')
const back = CompiledQuery.raw('rollback to savepoint member')

/**
 * Also where it is alone: where a statement failed and its work went on all the same, PostgreSQL answers the release with an error, and a
 * commit with a rollback that looks like one that went well.
 */
async function apart<DB>(transaction: Transaction<DB>, { work, resolve, reject }: Member<DB>): Promise<Answer> {
  await transaction.executeQuery(savepoint)
  try {
    const result = await work(transaction)
    await transaction.executeQuery(release)
    return () => resolve(result)
  } catch (error) {
    try {
      await transaction.executeQuery(back)
      await transaction.executeQuery(release)
    } catch (gone) {
      // The whole transaction is gone. What took it away is told, not that its savepoint is missing; but a refusal takes nothing away.
      throw error instanceof WardroundError ? gone : error
    }
    return () => reject(error)
  }
}
