/** What a backup's database says is in it. */

import { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { sha256Of } from '../digest.ts'
import type { Counts } from './manifest.ts'

export type Contents = {
  /** Blobs that a study needs and that are no rows of the database. */
  readonly large: readonly BlobRef[]
  /** Digests of those that are, and are not what they are called. */
  readonly damaged: readonly string[]
  readonly counts: Counts
}

/** Rows that are hashed before others have their turn. */
const rowsAtOnce = 32

/** Leaves one file, without the two that a write-ahead log needs beside it. */
export async function lookInside(path: string): Promise<Contents> {
  const database = new DatabaseSync(path)
  try {
    database.exec('pragma journal_mode = delete')
    const count = (table: keyof Counts): number =>
      Number(database.prepare(`select count(*) as number from ${table}`).get()?.number)
    const counts = { sites: count('sites'), studies: count('studies'), events: count('events'), audit: count('audit') }
    const needed = new Map<string, number>()
    for (const { sha256, size_bytes } of database
      .prepare('select sha256, size_bytes from blob_refs order by sha256')
      .iterate())
      needed.set(String(sha256), Number(size_bytes))
    const damaged: string[] = []
    let looked = 0
    for (const { sha256, bytes } of database.prepare('select sha256, bytes from blobs').iterate()) {
      const name = String(sha256)
      if (!needed.delete(name)) continue
      if (!(bytes instanceof Uint8Array) || sha256Of(bytes) !== name) damaged.push(name)
      looked += 1
      if (looked % rowsAtOnce === 0) await setImmediate()
    }
    return { large: [...needed].map(([sha256, sizeBytes]) => ({ sha256, sizeBytes })), damaged, counts }
  } finally {
    database.close()
  }
}
