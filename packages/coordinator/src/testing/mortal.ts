/**
 * A store and blobs that die at a moment of a test's choice: with the k-th thing that would become durable, either just before it does or
 * just after, and nothing works any more from then on. What was durable is in the database and the blobs beneath, for another life.
 */
import type { BlobStore, BlobWriter } from '../blobs/blob-store.ts'
import type { Store, Tables } from '../store/store.ts'

export type Death = { readonly at: number; readonly when: 'before' | 'after' }

export type Mortal = {
  readonly store: Store
  readonly blobs: BlobStore
  readonly dead: () => boolean
  /** What has become durable, or was about to, in order. */
  readonly steps: readonly string[]
  /** Dies now, between two steps. */
  readonly kill: () => void
}

type Given = { readonly store: Store; readonly blobs: BlobStore }
type Options = {
  readonly death?: Death | undefined
  /** Called after each step that became durable. */
  readonly after?: () => Promise<void>
  /** Called at the moment of death. */
  readonly died?: () => void
}

export function mortal(
  { store, blobs }: Given,
  { death, after = async () => undefined, died = () => undefined }: Options = {},
): Mortal {
  const steps: string[] = []
  let dead = false
  const kill = (): void => {
    if (dead) return
    dead = true
    died()
  }
  const life: Life = {
    alive() {
      if (dead) throw new Error('The process is dead.')
    },
    async step(name, work) {
      life.alive()
      let here: Death['when'] | undefined
      const end = (when: Death['when']): void => {
        if (here === when) kill()
        life.alive()
      }
      const result = await work(() => {
        steps.push(name)
        here = death?.at === steps.length ? death.when : undefined
        end('before')
      })
      await after()
      end('after')
      return result
    },
  }
  return { store: mortalStore(store, life), blobs: mortalBlobs(blobs, life), dead: () => dead, steps, kill }
}

type Life = {
  alive(): void
  /** `commit` is to be called just before it becomes durable, and not where it does not. */
  step<T>(name: string, work: (commit: () => void) => Promise<T>): Promise<T>
}

const writes: ReadonlySet<string> = new Set([
  'putSite',
  'updateSite',
  'addToken',
  'useToken',
  'useTokens',
  'addAccount',
  'addStudy',
  'updateStudy',
  'putDecision',
  'putRound',
  'updateRound',
  'addTasks',
  'updateTask',
  'settleTask',
  'countIn',
  'keepBlob',
  'keepOnly',
  'putBlob',
  'deleteBlob',
  'addImport',
  'addTaskRecords',
  'addForms',
  'addRounds',
] satisfies (keyof Tables)[])

type Method = (...given: never[]) => Promise<unknown>

function mortalStore({ transaction, onEvents, copyTo, close, ...tables }: Store, life: Life): Store {
  const wrapped = Object.entries<Method>(tables).map(([name, method]) => {
    const call: Method = async (...given) => {
      if (!writes.has(name)) {
        life.alive()
        return method(...given)
      }
      return life.step(name, async (commit) => {
        commit()
        return method(...given)
      })
    }
    return [name, call]
  })
  return {
    ...(Object.fromEntries(wrapped) as typeof tables),
    transaction: (work) =>
      life.step('transaction', (commit) =>
        transaction(async (inner) => {
          const result = await work(inner)
          commit()
          return result
        }),
      ),
    onEvents,
    copyTo,
    close,
  }
}

function mortalBlobs(blobs: BlobStore, life: Life): BlobStore {
  const { staged } = blobs
  const step = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    life.step(name, async (commit) => {
      commit()
      return work()
    })
  return {
    ...blobs,
    put: (bytes, sha256, within) =>
      within === undefined ? step('blob', () => blobs.put(bytes, sha256)) : blobs.put(bytes, sha256, within),
    async writer(): Promise<BlobWriter> {
      life.alive()
      const writer = await blobs.writer()
      return { ...writer, finish: (named) => step('blob', () => writer.finish(named)) }
    },
    delete: (sha256) => step('delete', () => blobs.delete(sha256)),
    staged: {
      list: staged.list,
      receivedBytes: staged.receivedBytes,
      async open(name) {
        life.alive()
        const { append, close } = await staged.open(name)
        return { append: (offset, piece) => step('append', () => append(offset, piece)), close }
      },
      commit: (name, expected) => step('commit', () => staged.commit(name, expected)),
      discard: (name) => step('discard', () => staged.discard(name)),
    },
  }
}
