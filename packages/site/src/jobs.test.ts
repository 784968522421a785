/** What a site says of its work, and when it asks. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Clock } from '@wardround/core/ports.ts'
import { atWorkIn } from '@wardround/core/protocol/at-work.ts'
import { createJobs } from './jobs.ts'

const turn = (): Promise<void> => new Promise((resume) => setImmediate(resume))

/** Time that passes when a test says so. */
function ownClock(): Clock & { pass(ms: number): Promise<void>; sleeping(): number } {
  let now = 0
  const sleepers = new Set<() => void>()
  return {
    now: () => now,
    steadyNow: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const until = now + ms
        const look = (): void => {
          if (now < until && !signal?.aborted) return
          sleepers.delete(look)
          resolve()
        }
        sleepers.add(look)
        signal?.addEventListener('abort', look, { once: true })
        look()
      }),
    sleeping: () => sleepers.size,
    async pass(ms) {
      now += ms
      for (const look of sleepers) look()
      await turn()
    },
  }
}

/** Whether it is time to ask. */
function dueOf(jobs: ReturnType<typeof createJobs>, pauseMs = 0): () => boolean {
  let due = false
  void jobs.due(pauseMs).then(() => {
    due = true
  })
  return () => due
}

const a1 = { id: 'a-train-1-north', study: 'a' }
const b1 = { id: 'b-train-1-north', study: 'b' }

test('no task begins beside another of its study, or where there is no room', () => {
  const clock = ownClock()
  const two = createJobs({ clock, atOnce: 2 })
  assert.deepEqual([two.begin(a1), two.begin({ ...a1, id: 'a-train-2-north' }), two.begin(b1)], [true, false, true])
  assert.equal(two.begin({ id: 'c', study: 'c' }), false)
  assert.equal(two.alone(), false)
  two.end('a')
  assert.equal(two.alone(), true)
  assert.equal(two.begin({ id: 'c', study: 'c' }), true)
  const one = createJobs({ clock })
  assert.deepEqual([one.begin(a1), one.begin(b1)], [true, false])
})

test('what is at work is said with the room that there is; what is closed, or has no name, is not', () => {
  const jobs = createJobs({ clock: ownClock(), atOnce: 4 })
  const said = () => atWorkIn(jobs.text() ?? '')
  assert.equal(jobs.text(), undefined)
  jobs.begin(a1)
  jobs.begin({ id: '', study: '' })
  assert.deepEqual(said(), { room: 2, tasks: [a1.id] })
  // By itself: there is room where it is.
  assert.equal(jobs.text('a'), undefined)
  jobs.begin(b1)
  assert.deepEqual(atWorkIn(jobs.text('a') ?? ''), { room: 2, tasks: [b1.id] })
  assert.deepEqual([jobs.hear([a1.id, 'another']), jobs.hear([a1.id])], [true, false])
  assert.deepEqual(said(), { room: 1, tasks: [b1.id] })
  assert.throws(
    () => jobs.requireWanted(a1.id),
    (error) => error instanceof WardroundError && error.code === 'WR_TASK_CLOSED',
  )
  jobs.requireWanted(b1.id)
  jobs.end('a')
  // It may come again, and is another one then.
  jobs.begin(a1)
  jobs.requireWanted(a1.id)
  const deaf = createJobs({ clock: ownClock() })
  deaf.begin(a1)
  assert.equal(deaf.text(), undefined)
})

test('asked is at once where nothing is at work, and from two seconds on where something is', async () => {
  const clock = ownClock()
  const jobs = createJobs({ clock, atOnce: 2 })
  await jobs.due(0)
  jobs.begin(a1)
  const due = dueOf(jobs)
  await clock.pass(1999)
  jobs.begin(b1)
  await turn()
  assert.equal(due(), false)
  await clock.pass(1)
  assert.equal(due(), true)
  // The second one is listened for with the first one.
  await jobs.due(0)
  jobs.hear([a1.id])
  const later = dueOf(jobs)
  await clock.pass(1998)
  assert.equal(later(), false)
  await clock.pass(1)
  assert.equal(later(), true)
  jobs.hear([b1.id])
  const never = dueOf(jobs)
  await clock.pass(1e9)
  assert.deepEqual([never(), clock.sleeping()], [false, 0])
  jobs.end('a')
  jobs.end('b')
  await turn()
  assert.equal(never(), true)
})

test('a pause lasts until something changes', async () => {
  const clock = ownClock()
  const jobs = createJobs({ clock, atOnce: 3 })
  jobs.begin(a1)
  await clock.pass(5000)
  const due = dueOf(jobs, 20_000)
  await clock.pass(19_999)
  assert.equal(due(), false)
  await clock.pass(1)
  assert.equal(due(), true)
  const cut = dueOf(jobs, 20_000)
  await turn()
  assert.equal(cut(), false)
  jobs.begin(b1)
  await turn()
  assert.equal(cut(), true)
})

test('one who does not listen waits until nothing is at work', async () => {
  const clock = ownClock()
  const jobs = createJobs({ clock })
  jobs.begin(a1)
  const due = dueOf(jobs)
  await clock.pass(1e9)
  assert.deepEqual([due(), clock.sleeping()], [false, 0])
  jobs.end('a')
  await turn()
  assert.equal(due(), true)
})

test('whoever listens for a task that has ended is answered, or cut off a second later', async () => {
  const clock = ownClock()
  const jobs = createJobs({ clock, atOnce: 2 })
  const cuts: string[] = []
  assert.equal(
    jobs.listen(() => void cuts.push('nothing')),
    undefined,
  )
  jobs.begin(a1)
  assert.equal(jobs.alone(), true)
  const first = jobs.listen(() => void cuts.push('first'))
  assert.equal(jobs.alone(), false)
  jobs.begin(b1)
  // It was not told of this one.
  jobs.end('b')
  await clock.pass(10_000)
  jobs.end('a')
  await clock.pass(999)
  assert.equal(cuts.length, 0)
  await clock.pass(1)
  assert.deepEqual(cuts, ['first'])
  first?.end()
  jobs.begin(a1)
  const answered = jobs.listen(() => void cuts.push('answered'))
  jobs.end('a')
  answered?.end()
  await clock.pass(10_000)
  assert.deepEqual([cuts, clock.sleeping()], [['first'], 0])
})
