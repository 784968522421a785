/**
 * Transactions that wait at the same time share one commit. A commit waits for the disk; a thousand results that come together need not wait
 * for it a thousand times. Each is a savepoint of its own, so that one that fails takes nothing of the others with it; each is answered when
 * all of them are durable, and none if the commit fails.
 */
import { CompiledQuery, type Kysely, type Transaction } from 'kysely'

export type GroupCommit<DB> = <T>(work: (transaction: Transaction<DB>) => Promise<T>) => Promise<T>

type Member<DB> = {
  readonly work: (transaction: Transaction<DB>) => Promise<unknown>
  resolve(result: unknown): void
  reject(error: unknown): void
}

type Options<DB> = {
  /** Lets those come who are about to; then the commit is made for all who are there. */
  readonly gather: () => Promise<void>
  /** Before the first of a group. */
  readonly begin: (transaction: Transaction<DB>) => Promise<void>
  /** After each commit, before anybody is answered. */
  readonly committed: () => void
}

export function groupCommit<DB>(db: Kysely<DB>, { gather, begin, committed }: Options<DB>): GroupCommit<DB> {
  let waiting: Member<DB>[] = []
  let busy = false
  const commitAll = async (members: readonly Member<DB>[]): Promise<void> => {
    try {
      const answers = await db.transaction().execute(async (transaction) => {
        await begin(transaction)
        return inTurn(transaction, members)
      })
      committed()
      for (const answer of answers) answer()
    } catch (error) {
      for (const { reject } of members) reject(error)
    }
  }
  const work = async (): Promise<void> => {
    busy = true
    while (waiting.length > 0) {
      await gather()
      const members = waiting
      waiting = []
      await commitAll(members)
    }
    busy = false
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
  const [first] = members
  // Alone it needs no savepoint: where it fails, all of it does.
  if (members.length === 1 && first !== undefined) {
    const result = await first.work(transaction)
    return [() => first.resolve(result)]
  }
  const answers: Answer[] = []
  for (const member of members) answers.push(await apart(transaction, member))
  return answers
}

const savepoint = CompiledQuery.raw('savepoint member')
const release = CompiledQuery.raw('release savepoint member')
const back = CompiledQuery.raw('rollback to savepoint member')

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
    } catch {
      // The whole transaction is gone: what took it away is the reason, not that its savepoint is missing.
      throw error
    }
    return () => reject(error)
  }
}
