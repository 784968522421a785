/** Chains verify, and only grow: the coordinator's audit, and each site's journal, of which no line is lost that was durable once. */
import type { ChainEntry } from '@wardround/core/protocol/chain.ts'
import { genesis, linkHash } from '@wardround/core/protocol/chain.ts'
import { type Check, must } from './check.ts'

/** Follows a chain from look to look; an entry that was seen once is never looked at again, but must still be there. */
function follower(name: string) {
  const hashes: string[] = []
  return (entries: readonly ChainEntry[], from: number): void => {
    for (const entry of entries) {
      const index = from + entries.indexOf(entry)
      const previous = index === 0 ? genesis : (hashes[index - 1] ?? '')
      must(entry.sequence === index + 1, 'chains', () => `${name} has ${entry.sequence} as its entry ${index + 1}`)
      must(entry.previous === previous, 'chains', () => `${name} breaks before ${entry.sequence}`)
      must(entry.hash === linkHash(entry, previous), 'chains', () => `${name} breaks at ${entry.sequence}`)
      must((hashes[index] ?? entry.hash) === entry.hash, 'chains', () => `${name} has another entry ${entry.sequence}`)
      hashes[index] = entry.hash
    }
  }
}

export function auditHolds(): Check {
  const follow = follower('the audit')
  let known = 0
  return async ({ store }) => {
    const fresh = await store.auditEntries(known, 10_000)
    follow(fresh, known)
    known += fresh.length
  }
}

export type JournalCheck = ReturnType<typeof journalHolds>

/** One site's journal. `certain`: what no power cut can take away. */
export function journalHolds(site: string, certain: () => Uint8Array | undefined) {
  const follow = follower(`the journal of ${site}`)
  let known = new Uint8Array()
  let lines = 0
  let torn = 0
  return {
    /** What a power cut has torn may stay until the next entry is written, and no longer. */
    powerCut: (): void => {
      torn = certain()?.length ?? 0
    },
    /** To be called after each change. */
    look(): void {
      const bytes = certain()
      if (bytes === undefined || bytes === known) return
      const kept = Buffer.compare(bytes.subarray(0, known.length), known) === 0
      must(kept, 'chains', () => `the journal of ${site} has lost a durable line`)
      const { entries, end } = wholeLines(bytes, known.length)
      follow(entries, lines)
      lines += entries.length
      known = bytes.slice(0, end)
      const rest = bytes.subarray(end).includes(0x0a)
      must(!rest || bytes.length === torn, 'chains', () => `the journal of ${site} goes on behind a line that is none`)
    },
    lines: () => lines,
  }
}

/** Entries from `start` to the first line that is none. */
function wholeLines(bytes: Uint8Array, start: number): { entries: ChainEntry[]; end: number } {
  const entries: ChainEntry[] = []
  for (let end = start; ; ) {
    const next = bytes.indexOf(0x0a, end) + 1
    const entry = next === 0 ? undefined : entryOf(Buffer.from(bytes.subarray(end, next)).toString('utf8'))
    if (entry === undefined) return { entries, end }
    entries.push(entry)
    end = next
  }
}

function entryOf(line: string): ChainEntry | undefined {
  try {
    return JSON.parse(line) as ChainEntry
  } catch {
    // No entry: whoever asked stops before it.
    return undefined
  }
}
