import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { quantile } from '../figures.ts'
import { growthOf, type Sample } from './growth.ts'
import { reportOf, type Seen } from './load.ts'
import { probe } from './prober.ts'
import { received, sequencesIn } from './received.ts'

test('a quantile is a value that so many are not above', () => {
  assert.equal(quantile([], 0.5), null)
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  assert.deepEqual([quantile(hundred, 0.5), quantile(hundred, 0.99), quantile(hundred, 1)], [50, 99, 100])
  assert.equal(quantile([7], 0.99), 7)
})

/** Time that passes when somebody sleeps, or works. */
function clockOf() {
  let at = 0
  return {
    now: () => at,
    work: (ms: number) => (at += ms),
    // What has been answered by now is heard of first.
    sleep: async (ms: number): Promise<void> => {
      await setImmediate()
      at += ms
    },
  }
}

test('a call that stands still is seen by all that were due meanwhile', async () => {
  const clock = clockOf()
  const over = new AbortController()
  let calls = 0
  const ask = async (): Promise<void> => {
    calls += 1
    // The fifth keeps everything waiting for a second.
    clock.work(calls === 5 ? 1000 : 1)
    if (calls === 20) over.abort()
  }
  const [seen] = await probe([{ route: 'r', ask }], { clock, now: clock.now, everyMs: 100, signal: over.signal })
  const late = seen?.latenciesMs.filter((ms) => ms > 100) ?? []
  // The one itself, and those that were due 100, 200, … 900 ms after it and could leave only when it was done.
  assert.equal(late.length, 10)
  // Before its answer is looked at those nine leave, and the one that is due 1000 ms after it: a millisecond each.
  assert.equal(Math.max(...late), 1010)
  assert.equal(seen?.latenciesMs.length, 20)
})

test('calls take turns, and those that fail are counted and not timed', async () => {
  const clock = clockOf()
  const over = new AbortController()
  let turns = 0
  const good = async (): Promise<void> => {
    turns += 1
    if (turns === 3) over.abort()
  }
  const bad = (): Promise<void> => Promise.reject(new Error('refused'))
  const seen = await probe(
    [
      { route: 'good', ask: good },
      { route: 'bad', ask: bad },
    ],
    { clock, now: clock.now, everyMs: 10, signal: over.signal },
  )
  assert.deepEqual(
    seen.map(({ latenciesMs, errors }) => [latenciesMs.length, errors]),
    [
      [3, 0],
      [0, 2],
    ],
  )
})

test('what a watcher has received: lost, doubled and out of order are told apart', () => {
  const compare = (numbers: readonly number[], sent: readonly number[]) => {
    const seen = received()
    for (const number of numbers) seen.add(number)
    const { lost, doubled, outOfOrder } = seen.compare(sent)
    return [lost, doubled, outOfOrder]
  }
  assert.deepEqual(compare([3, 4, 7], [3, 4, 7]), [0, 0, 0])
  assert.deepEqual(compare([3, 7], [3, 4, 7]), [1, 0, 0])
  assert.deepEqual(compare([3, 4, 4, 7], [3, 4, 7]), [0, 1, 0])
  assert.deepEqual(compare([3, 7, 4], [3, 4, 7]), [0, 0, 1])
})

test('sequence numbers come out of a stream however it is cut', () => {
  const text = 'id: 12\nevent: a\ndata: {"x":"é id: 5"}\n\n: still here\n\nid: 13\nevent: b\ndata: {}\n\n'
  const bytes = new TextEncoder().encode(text)
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 8 }), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
      const take = sequencesIn()
      assert.deepEqual(
        places.slice(1).flatMap((end, index) => take(bytes.subarray(places[index], end))),
        [12, 13],
      )
    }),
  )
})

const line = (of: (second: number) => number): Sample[] =>
  Array.from({ length: 90 }, (_, second) => ({ atMs: 1000 * second, megabytes: of(second) }))

test('memory grows where it ends higher than it began; not where it goes up and down, or up a little', () => {
  const leak = growthOf(line((second) => 200 + second))
  assert.equal(leak.grows, true)
  assert.ok(Math.abs((leak.slopeMbPerMinute ?? 0) - 60) < 1e-9)
  assert.equal(growthOf(line((second) => 200 + 0.2 * second)).grows, false)
  assert.equal(growthOf(line((second) => 200 + 60 * (second % 2))).grows, false)
  assert.equal(growthOf(line((second) => 200 - second)).grows, false)
  // One sample that is far out moves neither median.
  assert.equal(growthOf(line((second) => (second === 89 ? 900 : 200))).grows, false)
  assert.equal(growthOf([]).grows, false)
})

const seenWell: Seen = {
  probed: [{ route: 'r', latenciesMs: [1, 2, 3], errors: 0 }],
  coordinator: { cpuMs: 500, samples: line(() => 200) },
  sites: { cpuMs: null, samples: [] },
  watching: { cpuMs: 0, samples: [] },
  watchers: [{ sent: 3, received: 3, lost: 0, doubled: 0, outOfOrder: 0 }],
  streamsBrokenOff: 0,
  requests: 10,
  refusals: 0,
  roundsEnded: 1,
  seconds: 1,
}

test('every target that is missed is told, and none that is met', () => {
  const load = { seconds: 1, sites: 1, watchers: 1, studies: 1 }
  const missed = (change: Partial<Seen>): number => reportOf(load, { ...seenWell, ...change }).missed.length
  assert.equal(missed({}), 0)
  assert.equal(missed({ probed: [{ route: 'r', latenciesMs: [1, 100], errors: 0 }] }), 1)
  assert.equal(missed({ probed: [{ route: 'r', latenciesMs: [1], errors: 1 }] }), 1)
  assert.equal(missed({ coordinator: { cpuMs: 0, samples: line((second) => 200 + second) } }), 1)
  assert.equal(missed({ streamsBrokenOff: 1 }), 1)
  for (const wrong of ['lost', 'doubled', 'outOfOrder'] as const)
    assert.equal(missed({ watchers: [{ sent: 3, received: 3, lost: 0, doubled: 0, outOfOrder: 0, [wrong]: 1 }] }), 1)
  // Where nothing was sent, nothing was shown.
  assert.equal(missed({ watchers: [] }), 1)
})
