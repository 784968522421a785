/** What a store must do about the blobs that its studies need. */
import assert from 'node:assert/strict'
import type { Check } from './store.suite.ts'
import type { Store } from './store.ts'

const plainly = <R extends object>(rows: readonly R[]): R[] => rows.map((row) => ({ ...row }))
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1)

export function references(check: Check): void {
  const ref = (digit: string, sizeBytes = 1) => ({ sha256: digit.repeat(64), sizeBytes })
  const [a, b, c] = [ref('a'), ref('b', 2 ** 40), ref('c')]
  const digests = (...refs: readonly { sha256: string }[]): string[] => refs.map(({ sha256 }) => sha256)
  const ofStudy = async (store: Store, study: string): Promise<string[]> =>
    (await store.blobRefs(study)).map(({ sha256 }) => sha256)

  check('a blob is named for as long as any study needs it', async (store) => {
    assert.deepEqual(await store.named([]), new Set())
    await store.keepBlob('heart', a)
    await store.keepBlob('heart', a)
    await store.keepBlob('heart', b)
    await store.keepBlob('lung', b)
    assert.deepEqual(await store.named(digests(a, b, c)), new Set(digests(a, b)))
    assert.deepEqual(plainly(await store.blobRefs('heart')), [
      { study: 'heart', sha256: a.sha256, size_bytes: 1 },
      { study: 'heart', sha256: b.sha256, size_bytes: 2 ** 40 },
    ])
    assert.deepEqual(await store.studiesThatNeed(b.sha256), ['heart', 'lung'])
    assert.deepEqual(await store.studiesThatNeed(c.sha256), [])
    assert.deepEqual(await store.keepOnly('heart', []), digests(a, b))
    assert.deepEqual(await store.named(digests(a, b, c)), new Set(digests(b)))
    assert.deepEqual(await store.keepOnly('lung', []), digests(b))
    assert.deepEqual(await store.named(digests(a, b, c)), new Set())
  })

  check('what a study needs is replaced; what it needs no more is told', async (store) => {
    assert.deepEqual(await store.keepOnly('heart', [a, b, a]), [])
    assert.deepEqual(await store.keepOnly('heart', [b, c]), digests(a))
    assert.deepEqual(await ofStudy(store, 'heart'), digests(b, c))
    assert.deepEqual(await store.keepOnly('heart', [c, b]), [])
    assert.deepEqual(await ofStudy(store, 'lung'), [])
  })

  check('a transaction that fails lets go of nothing, and keeps nothing', async (store) => {
    await store.keepOnly('heart', [a])
    const work = store.transaction(async (tables) => {
      await tables.keepBlob('heart', c)
      assert.deepEqual(await tables.keepOnly('heart', [b]), digests(a, c))
      throw new Error('the process dies here')
    })
    await assert.rejects(work, /the process dies here/)
    assert.deepEqual(await ofStudy(store, 'heart'), digests(a))
  })

  check('as many blobs as a round of a thousand sites has', async (store) => {
    const many = upTo(1500).map((number) => ({ sha256: String(number).padStart(64, '0'), sizeBytes: number }))
    await store.transaction(async (tables) => {
      for (const each of many) await tables.keepBlob('heart', each)
    })
    assert.equal((await store.named(digests(...many))).size, many.length)
    assert.deepEqual((await store.keepOnly('heart', many.slice(0, 3))).length, many.length - 3)
    assert.deepEqual(await ofStudy(store, 'heart'), digests(...many.slice(0, 3)))
  })
}
