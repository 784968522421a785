import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ChainEntry, chained, firstBroken, genesis } from './chain.ts'

const chainOf = (bodies: readonly unknown[]): ChainEntry[] => {
  const entries: ChainEntry[] = []
  for (const body of bodies) {
    const link = { sequence: entries.length + 1, at: '2026-01-01T00:00:00.000Z', kind: 'released', body }
    entries.push(chained(link, entries.at(-1)?.hash ?? genesis))
  }
  return entries
}
const bodies = fc.array(fc.record({ n: fc.integer(), s: fc.string() }), { minLength: 2, maxLength: 20 })

test('an untouched chain holds', () => {
  fc.assert(fc.property(bodies, (all) => assert.equal(firstBroken(chainOf(all)), undefined)))
})

test('changing, removing, swapping or repeating an entry breaks it there', () => {
  fc.assert(
    fc.property(bodies, fc.nat(), (all, pick) => {
      const chain = chainOf(all)
      const at = pick % (chain.length - 1)
      const entry = chain[at]
      const next = chain[at + 1]
      assert.ok(entry !== undefined && next !== undefined)
      assert.equal(firstBroken(chain.with(at, { ...entry, body: { n: 0.5 } })), at + 1)
      assert.equal(firstBroken(chain.with(at, { ...entry, at: '2027' })), at + 1)
      assert.equal(firstBroken(chain.toSpliced(at, 1)), at + 1)
      assert.equal(firstBroken(chain.with(at, next).with(at + 1, entry)), at + 1)
      assert.equal(firstBroken(chain.toSpliced(at, 0, entry)), at + 2)
    }),
  )
})
