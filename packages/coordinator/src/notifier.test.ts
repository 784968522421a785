import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '@wardround/core/ports.ts'
import { createNotifier } from './notifier.ts'

/** Time that stands still; a sleep ends when its signal aborts, or when `pass` is called. */
function stillClock() {
  let now = 0
  const sleepers = new Set<{ until: number; resolve: () => void }>()
  const clock: Clock = {
    now: () => now,
    steadyNow: () => now,
    sleep: (delayMs, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) resolve()
        sleepers.add({ until: now + delayMs, resolve })
        signal?.addEventListener('abort', () => resolve(), { once: true })
      }),
  }
  return {
    clock,
    pass(ms: number): void {
      now += ms
      for (const { until, resolve } of sleepers) if (until <= now) resolve()
    },
  }
}

const never = new AbortController().signal
const turns = async (count = 20): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

test('what is there is seen at once', async () => {
  const { until } = createNotifier(stillClock().clock)
  assert.equal(await until('topic', async () => 'here', { waitMs: 1000, signal: never }), 'here')
})

test('a wake makes it look again; of another topic, not', async () => {
  const { until, wake } = createNotifier(stillClock().clock)
  let [looks, value] = [0, undefined as string | undefined]
  const look = async () => {
    looks += 1
    return value
  }
  const found = until('own', look, { waitMs: 1000, signal: never })
  await turns()
  value = 'now'
  wake('other')
  await turns()
  assert.equal(looks, 1)
  wake('own')
  assert.equal(await found, 'now')
})

test('a wake while it looks is not lost', async () => {
  const { until, wake } = createNotifier(stillClock().clock)
  let value: string | undefined
  const slow = Promise.withResolvers<undefined>()
  let first = true
  const found = until(
    'topic',
    async () => {
      if (!first) return value
      first = false
      // The store answers with what it was before the change.
      return slow.promise
    },
    { waitMs: 1000, signal: never },
  )
  await turns()
  value = 'changed meanwhile'
  wake('topic')
  slow.resolve(undefined)
  assert.equal(await found, 'changed meanwhile')
})

test('a crowd is woken in turn, a few before others are let in, and none is forgotten', async () => {
  const { clock, pass } = stillClock()
  const { until, wakeInTurn } = createNotifier(clock)
  const [here, topics]: [Set<string>, string[]] = [new Set(), Array.from({ length: 20 }, (_, index) => `site/${index}`)]
  const seen: string[] = []
  const waiting = topics.map(async (topic) => {
    await until(topic, async () => (here.has(topic) ? topic : undefined), { waitMs: 1000, signal: never })
    seen.push(topic)
  })
  await turns()
  for (const topic of topics) here.add(topic)
  wakeInTurn(topics)
  await turns()
  assert.deepEqual(seen, topics.slice(0, 8))
  pass(1)
  await turns()
  assert.deepEqual(seen, topics.slice(0, 16))
  pass(1)
  await Promise.all(waiting)
  assert.deepEqual(seen, topics)
  wakeInTurn([])
})

test('it gives up when its time is over or its signal aborts', async () => {
  const { clock, pass } = stillClock()
  const { until } = createNotifier(clock)
  const late = until('topic', async () => undefined, { waitMs: 1000, signal: never })
  await turns()
  pass(1000)
  assert.equal(await late, undefined)
  const gone = new AbortController()
  const left = until('topic', async () => undefined, { waitMs: 1000, signal: gone.signal })
  await turns()
  gone.abort()
  assert.equal(await left, undefined)
})
