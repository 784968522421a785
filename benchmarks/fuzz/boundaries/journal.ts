/** The site's journal as it lies on disk (packages/site/src/journal.ts): read, checked, and gone on with. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import { type ChainEntry, chained, genesis } from '@wardround/core/protocol/chain.ts'
import { openJournal, readJournal } from '@wardround/site/journal.ts'
import { progressReader } from '@wardround/site/progress.ts'
import { realDisk } from '@wardround/site/real-disk.ts'
import fc from 'fast-check'
import { startOfTime, testClock } from '../../../packages/coordinator/src/testing/clock.ts'
import { type Boundary, type Bytes, bytesOf, type Mutator } from '../boundary.ts'
import { jsonMutator } from '../mutate/json.ts'

type Written = { readonly kind: string; readonly body: unknown }

const at = new Date(startOfTime).toISOString()

/** A journal whose chain holds, whatever it says. */
function journalOf(entries: readonly Written[]): Bytes {
  const lines: ChainEntry[] = []
  for (const { kind, body } of entries)
    lines.push(chained({ sequence: lines.length + 1, at, kind, body }, lines.at(-1)?.hash ?? genesis))
  return bytesOf(lines.map((line) => `${canonicalJson(line)}\n`).join(''))
}

const linesOf = (input: Bytes): unknown[] =>
  new TextDecoder()
    .decode(input)
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown)

/** An entry says something else, and nothing else was touched. */
const altered: Mutator = jsonMutator(linesOf, (lines) =>
  bytesOf(
    [lines]
      .flat()
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(''),
  ),
)
/** The same, by somebody who knows how to chain it again. */
const rechained: Mutator = jsonMutator(linesOf, (lines) =>
  journalOf([lines].flat().map((line) => ({ kind: String(Object(line).kind), body: Object(line).body as unknown }))),
)

const result = { task: 'small-train-1-a', kind: 'train', round: 1, sha256: 'f'.repeat(64) }
const life: readonly Written[] = [
  { kind: 'joined', body: { site: 'a', coordinator: 'https://localhost', publicKey: 'k'.repeat(43) } },
  { kind: 'decided', body: { study: 'small', planHash: 'f'.repeat(64), decision: 'approved' } },
  { kind: 'task-accepted', body: { task: result.task, study: 'small', kind: 'train', round: 1 } },
  { kind: 'released', body: { what: 'upload', study: 'small', sizeBytes: 7, result } },
  { kind: 'thanked', body: { task: result.task, study: 'small' } },
]
const whole = journalOf(life)
const entry = fc.record({
  kind: fc.constantFrom('released', 'thanked', 'joined', 'left', 'torn-line-cut', 'unheard of'),
  body: fc.oneof(
    fc.dictionary(fc.constantFrom('study', 'task', 'result', '__proto__', 'bytes'), fc.jsonValue({ maxDepth: 2 })),
    fc.constant({ study: 'small', task: result.task, result }),
  ),
})

export const journal: Boundary = {
  name: 'journal',
  codes: ['WR_CHAIN_BROKEN'],
  seeds: [whole, whole.slice(0, -20), bytesOf(''), bytesOf('\n'), bytesOf('{"sequence":1}\n')],
  documents: fc.array(entry, { maxLength: 5 }).map(journalOf),
  mutators: [altered, rechained],
  words: ['"sequence":', '"hash":', genesis, '\n', '{}', 'null\n', '"body":'],
  sources: /packages\/site\/src\/(?:journal|progress)\.ts|packages\/core\/src\/protocol\/(?:chain|canonical)\.ts/,
  open() {
    const folder = mkdtempSync(join(tmpdir(), 'wardround-fuzz-'))
    const path = join(folder, 'journal.ndjson')
    const [clock, disk] = [testClock(), realDisk()]
    return {
      take(input) {
        writeFileSync(path, input)
        const { broken, entries } = readJournal(disk, path)
        const progress = progressReader()
        const opened = openJournal({ path, disk, clock, read: progress.read })
        try {
          progress.of('small')
          if (broken !== undefined) throw new Error('A journal that does not hold was opened.')
          opened.note('left', { site: 'a' })
          const after = readJournal(disk, path)
          if (after.broken !== undefined || after.tornBytes > 0 || after.entries.length <= entries.length)
            throw new Error('A journal that held does not hold any more.')
          return 'accepted'
        } finally {
          opened.close()
        }
      },
      close: () => rmSync(folder, { recursive: true, force: true }),
    }
  },
}
