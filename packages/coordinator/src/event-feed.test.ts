import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEventFeed } from './event-feed.ts'
import { createNotifier } from './notifier.ts'
import { openStore } from './store/store.ts'
import { asleep, testClock, turn } from './testing/clock.ts'

/** A store in memory that counts who reads its events, and a feed of it. */
async function feeding() {
  const world = testClock()
  let sleeps = 0
  const clock: typeof world = {
    ...world,
    sleep: (ms, signal) => {
      sleeps += 1
      return world.sleep(ms, signal)
    },
  }
  const store = await openStore({ kind: 'sqlite', path: ':memory:' }, () => '2026-01-01T00:00:00.000Z')
  let [reads, broken] = [0, false]
  let afterRead = Promise.resolve()
  const events: typeof store.events = async (query) => {
    reads += 1
    if (broken) throw new Error('the line is cut')
    const found = await store.events(query)
    await afterRead
    return found
  }
  const feed = createEventFeed({ store: { ...store, events }, notifier: createNotifier(clock) })
  const { signal } = new AbortController()
  const next = async (after: number, study?: string, limit = 1000) =>
    (await feed.next({ after, study, limit }, { waitMs: 1000, signal })).map(({ event }) => event.sequence)
  const happen = (...studies: readonly string[]) =>
    store.transaction((tables) =>
      tables.event(
        ...studies.map((study) => ({ kind: 'study.published' as const, study, payload: { planHash: 'h' } })),
      ),
    )
  const cut = (is: boolean): void => {
    broken = is
  }
  /** What is read comes only when that is called. */
  const slowly = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    afterRead = promise
    return resolve
  }
  return { clock, next, happen, reads: () => reads, sleeps: () => sleeps, cut, slowly }
}

test('many who watch are told of an event that is read a few times, each of its own study', async () => {
  const { clock, next, happen, reads } = await feeding()
  const watching = Array.from({ length: 100 }, (_, index) => next(0, index % 2 === 0 ? 'heart' : undefined))
  await asleep(clock, 100)
  const before = reads()
  await happen('lung', 'heart')
  assert.deepEqual(
    await Promise.all(watching),
    watching.map((_, index) => (index % 2 === 0 ? [2] : [1, 2])),
  )
  assert.ok(reads() - before <= 2, `${reads() - before} reads`)
})

test('many who ask at once are each told of everything once, of a store that is read a few times', async () => {
  const { clock, next, happen, reads } = await feeding()
  const early = next(0)
  await asleep(clock, 1)
  await happen('heart', 'lung', 'heart')
  await early
  const before = reads()
  const asked = Array.from({ length: 50 }, (_, index) => next(index % 3))
  assert.deepEqual(
    await Promise.all(asked),
    asked.map((_, index) => [1, 2, 3].slice(index % 3)),
  )
  assert.ok(reads() - before <= 2, `${reads() - before} reads`)
  assert.deepEqual(await next(0), [1, 2, 3])
})

test('what is committed while the store is read is told to who waits, without anybody asking anew', async () => {
  const { clock, next, happen, slowly } = await feeding()
  await happen('heart')
  const [first, lung] = [next(1), next(1, 'lung')]
  await asleep(clock, 2)
  const come = slowly()
  await happen('heart')
  await turn()
  // The second is being read, and does not know of the third.
  await happen('lung')
  await turn()
  come()
  assert.deepEqual([await first, await lung], [[2, 3], [3]])
})

test('who watches one study sleeps through what happens in others', async () => {
  const { clock, next, happen, sleeps } = await feeding()
  const heart = next(0, 'heart')
  await asleep(clock, 1)
  await happen('lung')
  await happen('lung')
  await turn()
  assert.equal(sleeps(), 1)
  await happen('heart')
  assert.deepEqual(await heart, [3])
})

test('from any number on, so many, as the store has them: also from before what is kept', async () => {
  const { next, happen } = await feeding()
  // More text than is kept.
  const long = Array.from({ length: 30_000 }, (_, index) => (index % 3 === 0 ? 'heart' : 'l'.repeat(80)))
  await happen(...long)
  const all = long.map((_, index) => index + 1)
  for (const after of [0, 1, 500, 15_000, 29_990]) {
    const rest = all.slice(after)
    assert.equal((await next(after)).join(), rest.slice(0, 1000).join())
    const hearts = rest.filter((number) => number % 3 === 1)
    assert.equal((await next(after, 'heart', 7)).join(), hearts.slice(0, 7).join())
  }
})

test('one who asks is told of all that was committed before, and of nothing twice as it goes on', async () => {
  const { next, happen } = await feeding()
  const seen: number[] = []
  for (let turn = 0; turn < 50; turn++) {
    await happen('heart', 'heart')
    seen.push(...(await next(seen.at(-1) ?? 0, 'heart')))
    assert.equal(seen.at(-1), 2 * (turn + 1))
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 100 }, (_, index) => index + 1),
  )
})

test('a store that fails is heard of by who asks and by who waits, and read again later', async () => {
  const { clock, next, happen, cut } = await feeding()
  await happen('heart')
  const waiting = assert.rejects(next(1, 'heart'), /the line is cut/)
  await asleep(clock, 1)
  cut(true)
  await happen('heart')
  await waiting
  await assert.rejects(next(0), /the line is cut/)
  cut(false)
  assert.deepEqual(await next(0), [1, 2])
})

test('nothing comes where nothing happens, for as long as was asked', async () => {
  const { clock, next } = await feeding()
  const nothing = next(0)
  await asleep(clock, 1)
  await clock.pass(1000)
  assert.deepEqual(await nothing, [])
})
