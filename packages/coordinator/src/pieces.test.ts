import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { piecesOf, type Source } from './pieces.ts'

const ranges = [0, 1, 2, 3].map((index) => ({ start: 10 * index, end: 10 * index + 10 }))

/** A source whose value at i is `name` + i, and which takes as long as it is told for each read. */
function sourceOf(name: number, turns: () => number): Source & { readonly starts: number[] } {
  const starts: number[] = []
  let reading = false
  return {
    starts,
    async read({ start, end }, into) {
      assert.ok(!reading, 'two at once')
      reading = true
      starts.push(start)
      for (let turn = turns(); turn > 0; turn--) await setImmediate()
      const values = new Float32Array(into.buffer as ArrayBuffer, into.byteOffset, end - start)
      for (let i = 0; i < values.length; i++) values[i] = name + start + i
      reading = false
      return values
    },
  }
}

const placesOf = (count: number): Uint8Array[] => Array.from({ length: count }, () => new Uint8Array(40))

test('pieces come in order whatever time each read takes, and stay what they are until they are released', async () => {
  const anyTurns = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 7 })
  await fc.assert(
    fc.asyncProperty(
      anyTurns,
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 6 }),
      async (turns, count, ahead) => {
        let reads = 0
        const sources = Array.from({ length: count }, (_, k) =>
          sourceOf(1000 * k, () => turns[reads++ % turns.length] ?? 0),
        )
        const next = piecesOf({ sources, ranges, places: placesOf(count + ahead) })
        for (const { start } of ranges) {
          const pieces = await next(count)
          await setImmediate()
          for (const [k, { values, release }] of pieces.entries()) {
            assert.deepEqual(
              values,
              Float32Array.from({ length: 10 }, (_, i) => 1000 * k + start + i),
            )
            release()
          }
        }
        for (const { starts } of sources) assert.deepEqual(starts, [0, 10, 20, 30])
      },
    ),
    { numRuns: 50 },
  )
})

test('no more is read ahead than there are places for', async () => {
  const source = sourceOf(0, () => 0)
  const next = piecesOf({ sources: [source], ranges, places: placesOf(2) })
  await setImmediate()
  assert.deepEqual(source.starts, [0, 10])
  const [piece] = await next(1)
  await setImmediate()
  assert.deepEqual(source.starts, [0, 10])
  piece?.release()
  await setImmediate()
  assert.deepEqual(source.starts, [0, 10, 20])
})

test('a read that fails is heard where its piece is asked for', async () => {
  const broken: Source = { read: () => Promise.reject(new Error('gone')) }
  const next = piecesOf({ sources: [sourceOf(0, () => 0), broken], ranges, places: placesOf(4) })
  await setImmediate()
  assert.equal((await next(1)).length, 1)
  await assert.rejects(next(1), /gone/)
})
