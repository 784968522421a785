/** Three bugs that a federation might have, as wrappers around what it works with: planted to show that a storm finds them. */
import type { Store, Tables } from '@wardround/coordinator/store/store.ts'
import type { Disk } from '@wardround/core/ports.ts'

export type Bugs = { store(store: Store): Store; disk(disk: Disk): Disk }

export const noBugs: Bugs = { store: (store) => store, disk: (disk) => disk }

type Counting = Pick<Tables, 'trainTasks' | 'countIn' | 'updateTask'>

/** Forgets that an update has counted: it may count again. */
const forgetful = <T extends Counting>(tables: T): T => ({
  ...tables,
  trainTasks: async (study: string, range: { from: number; to: number }) =>
    (await tables.trainTasks(study, range)).map((task) =>
      task.counted_in !== null && task.counted_in < range.to ? { ...task, counted_in: null } : task,
    ),
  countIn: async (round: number, ids: readonly string[]) => {
    for (const id of ids) await tables.updateTask(id, { counted_in: round })
  },
})

/** Reads a grant once, and believes it for ever. */
function trusting(disk: Disk): Disk {
  const known = new Map<string, Uint8Array>()
  return {
    ...disk,
    read(path) {
      const found = known.get(path) ?? disk.read(path)
      if (found !== undefined && path.endsWith('grant.json')) known.set(path, found)
      return found
    },
  }
}

export const bugs = {
  'count-twice': {
    ...noBugs,
    store: (store) => ({
      ...forgetful(store),
      transaction: (work) => store.transaction((tables) => work(forgetful(tables))),
    }),
  },
  'forget-fsync': {
    ...noBugs,
    disk: (disk) => ({ ...disk, append: (path, bytes) => disk.append(path, bytes, { durably: false }) }),
  },
  'trust-old-grant': { ...noBugs, disk: trusting },
} as const satisfies Record<string, Bugs>
export type BugName = keyof typeof bugs
