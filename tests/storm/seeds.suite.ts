/** Storms of many seeds as tests: every invariant holds in each, every kind of fault has come about, and a seed is a seed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noFaults } from './faults.ts'
import { storm, type Verdict } from './storm.ts'
import { emptyCounts, type FaultKind, faultKinds } from './tally.ts'
import { stormWords } from './words.ts'

/** Too rare for few seeds: they are looked for over all of them (soak). */
const rare: ReadonlySet<FaultKind> = new Set(['uploadTorn'])

export function seedsSuite(from: number, seeds: number): void {
  const verdicts: Verdict[] = []
  const all = (): number[] => Array.from({ length: seeds }, (_, index) => from + index)

  test(`storms of seeds ${from} to ${from + seeds - 1}: every study ends, and every invariant holds after every event`, async () => {
    for (const seed of all()) {
      const verdict = await storm(seed)
      assert.equal(verdict.problem, undefined, stormWords.failure(verdict, stormWords.replay(seed, undefined)))
      verdicts.push(verdict)
    }
  })

  test('every kind of fault came about, studies ended in every way, and none of it was over at once', () => {
    const counts = emptyCounts()
    for (const verdict of verdicts) for (const kind of faultKinds) counts[kind] += verdict.counts[kind]
    for (const kind of faultKinds) if (!rare.has(kind)) assert.ok(counts[kind] > 0, kind)
    const outcomes = new Set(verdicts.map(({ outcome }) => outcome))
    assert.deepEqual([...outcomes].toSorted(), ['abandoned', 'completed', 'completed partially'])
    assert.ok(verdicts.every(({ events }) => events > 50))
    assert.ok(verdicts.some(({ sites }) => sites > 6))
  })

  test('the same seed is the same storm, event by event, however long nobody works is waited for', async () => {
    for (const { seed, traceHash } of verdicts.filter(({ seed }) => seed % 10 === 0)) {
      const again = await storm(seed, { quietTurns: 6 })
      assert.equal(again.traceHash, traceHash, `seed ${seed}`)
    }
  })

  test('where the same updates counted as in fair weather, the weights are the very same', async () => {
    let compared = 0
    for (const { seed, counted, outcome, weightsSha256 } of verdicts.filter(({ seed }) => seed % 5 === 0)) {
      const fair = await storm(seed, { faults: noFaults })
      assert.equal(fair.problem, undefined, `seed ${seed}`)
      if (outcome !== fair.outcome || counted.join() !== fair.counted.join()) continue
      assert.equal(weightsSha256, fair.weightsSha256, `seed ${seed}`)
      compared += 1
    }
    assert.ok(compared > 0)
  })
}
