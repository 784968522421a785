/** Blobs that two studies share: none goes that a row names, none stays that no row names, in whatever order things happen. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import fc from 'fast-check'
import { appendTo } from '../testing/append.ts'
import { turn } from '../testing/clock.ts'
import { digestsIn } from '../testing/needs.ts'
import { taskRow } from '../testing/rows.ts'
import type { BlobStore } from './blob-store.ts'
import { type KeptBlobs, keptBlobs } from './kept.ts'
import { memoryBlobs } from './memory.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex')
const [x, y] = [sha256Of('x'), sha256Of('y')]

type Setting = {
  readonly blobs: BlobStore
  readonly kept: KeptBlobs
  /** The rows: study and digest. */
  readonly rows: Set<string>
  readonly warnings: string[]
}

const isNamed = (rows: ReadonlySet<string>, sha256: string): boolean =>
  [...rows].some((row) => row.endsWith(`/${sha256}`))

/** `slowed` wraps whatever takes time. */
function setting(slowed: (name: string, work: Work) => Work = (_, work) => work): Setting {
  const blobs = memoryBlobs()
  const rows = new Set<string>()
  const warnings: string[] = []
  const slow = {
    ...blobs,
    put: slowed('put', blobs.put) as BlobStore['put'],
    delete: slowed('delete', blobs.delete) as BlobStore['delete'],
  }
  const named = slowed('rows', async (digests: readonly string[]) => {
    const found = new Set(digests.filter((sha256) => isNamed(rows, sha256)))
    return found
  })
  const store = {
    named: named as (digests: readonly string[]) => Promise<Set<string>>,
    task: async (id: string) => (id.startsWith('open') ? taskRow(id, 'a') : undefined),
  }
  return {
    blobs,
    kept: keptBlobs({ blobs: slow, store, log: (_, message) => void warnings.push(message) }),
    rows,
    warnings,
  }
}
// biome-ignore lint/suspicious/noExplicitAny: of any shape
type Work = (...given: any[]) => Promise<unknown>

const naming = ({ kept, rows }: Setting, study: string, text: string): Promise<BlobRef> =>
  kept.hold(async (held) => {
    const ref = await held.put(bytesOf(text))
    rows.add(`${study}/${ref.sha256}`)
    return ref
  })

test('what a row names stays; what the last row lets go of goes', async () => {
  const { kept, blobs, rows, ...rest } = setting()
  for (const study of ['heart', 'lung']) await naming({ kept, blobs, rows, ...rest }, study, 'x')
  rows.delete(`heart/${x}`)
  await kept.drop([x])
  assert.deepEqual(await digestsIn(blobs), [x])
  rows.delete(`lung/${x}`)
  await kept.drop([x, x])
  assert.deepEqual(await digestsIn(blobs), [])
})

test('what is written stays while the work goes on; work that fails leaves nothing that no row names', async () => {
  const { kept, blobs, rows } = setting()
  rows.add(`heart/${y}`)
  const work = kept.hold(async (held) => {
    await held.put(bytesOf('x'))
    const writer = await held.writer()
    await writer.write(bytesOf('y'))
    await writer.finish()
    await appendTo(held, 'open')(0, bytesOf('z'))
    await held.staged.commit('open', { sha256: sha256Of('z'), sizeBytes: 1 })
    await kept.drop([x, sha256Of('z')])
    assert.equal((await digestsIn(blobs)).length, 3)
    throw new Error('refused')
  })
  await assert.rejects(work, /refused/)
  assert.deepEqual(await digestsIn(blobs), [y])
})

test('who holds a blob that another gives up, or that a row lets go of, is the last to look at it', async () => {
  const { kept, blobs } = setting()
  await kept.hold(async (outer) => {
    await outer.put(bytesOf('x'))
    await assert.rejects(
      kept.hold(async (inner) => {
        await inner.put(bytesOf('x'))
        throw new Error('given up')
      }),
    )
    assert.deepEqual(await digestsIn(blobs), [x])
  })
  assert.deepEqual(await digestsIn(blobs), [])
})

test('nothing is deleted while it is frozen, and what was let go of meanwhile goes afterwards', async () => {
  const all = setting()
  const { kept, blobs, rows } = all
  await naming(all, 'heart', 'x')
  const begun = Promise.withResolvers<void>()
  const end = Promise.withResolvers<void>()
  const frozen = kept.freeze(async () => {
    begun.resolve()
    await end.promise
  })
  await begun.promise
  rows.clear()
  await kept.drop([x])
  await naming(all, 'heart', 'y')
  assert.deepEqual((await digestsIn(blobs)).toSorted(), [x, y].toSorted())
  end.resolve()
  await frozen
  assert.deepEqual(await digestsIn(blobs), [y])
})

test('a sweep takes what no row names and uploads that no open task waits for', async () => {
  const all = setting()
  const { kept, blobs } = all
  await naming(all, 'heart', 'x')
  for (let number = 0; number < 1100; number++) await blobs.put(bytesOf(`orphan ${number}`))
  for (const name of ['open-1', 'closed']) await appendTo(blobs, name)(0, bytesOf('half'))
  await kept.sweep()
  assert.deepEqual(await digestsIn(blobs), [x])
  assert.deepEqual(await blobs.staged.list(), ['open-1'])
})

test('what cannot be deleted is said, and stops nobody', async () => {
  const { kept, warnings } = setting((name, work) =>
    name === 'delete' ? () => Promise.reject(new Error('disk')) : work,
  )
  await kept.drop([x])
  assert.equal(warnings.length, 1)
  assert.equal(await kept.hold(async () => 'done'), 'done')
})

type Deed = { readonly what: 'name' | 'let go' | 'give up' | 'sweep' | 'freeze'; readonly content: string }

/** One study's deeds, one after another; a transaction is one step, as the store has them. */
async function act(
  all: Setting,
  study: string,
  { deeds, transact }: { deeds: readonly Deed[]; transact: (work: () => void) => Promise<void> },
) {
  const { kept, rows } = all
  for (const { what, content } of deeds) {
    const row = `${study}/${sha256Of(content)}`
    if (what === 'let go') {
      await transact(() => void rows.delete(row))
      await kept.drop([sha256Of(content)])
    } else if (what === 'sweep') await kept.sweep()
    else if (what === 'freeze') await kept.freeze(() => transact(() => undefined))
    else
      await kept
        .hold(async (held) => {
          await held.put(bytesOf(content))
          if (what === 'give up') throw new Error('given up')
          await transact(() => void rows.add(row))
        })
        .catch(() => undefined)
  }
}

test('two studies that share content, in any order of every single step: nothing needed is ever missing, nothing else stays', async () => {
  const deed = fc.record({
    what: fc.constantFrom('name', 'name', 'let go', 'let go', 'give up', 'sweep', 'freeze'),
    content: fc.constantFrom('x', 'y'),
  }) satisfies fc.Arbitrary<Deed>
  const deeds = fc.array(deed, { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), deeds, deeds, async (scheduler, ofHeart, ofLung) => {
      const pause = (name: string): Promise<void> => scheduler.schedule(Promise.resolve(), name)
      const all = setting((name, work) => async (...given) => {
        await pause(`before ${name}`)
        const result = await work(...given)
        await pause(`after ${name}`)
        return result
      })
      const nothingMissing = async (): Promise<void> => {
        for (const row of all.rows) assert.ok(await all.blobs.has(row.split('/')[1] ?? ''), row)
      }
      const transact = async (work: () => void): Promise<void> => pause('commit').then(work)
      const both = Promise.all([
        act(all, 'heart', { deeds: ofHeart, transact }),
        act(all, 'lung', { deeds: ofLung, transact }),
      ])
      let over = false
      const end = both.finally(() => {
        over = true
      })
      while (!over) {
        if (scheduler.count() > 0) await scheduler.waitOne()
        await nothingMissing()
        await turn()
      }
      await end
      const named = new Set([...all.rows].map((row) => row.split('/')[1] ?? ''))
      assert.deepEqual((await digestsIn(all.blobs)).toSorted(), [...named].toSorted())
      assert.deepEqual(all.warnings, [])
    }),
    { numRuns: 300 },
  )
})
