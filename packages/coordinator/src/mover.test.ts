import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { createMover } from './mover.ts'
import { startOfTime, testClock, turn } from './testing/clock.ts'

type Moves = { readonly move?: (id: string) => Promise<void>; readonly deadline?: () => number | undefined }

/** A mover, what it was asked to move, and what it said. */
function watched({ move = async () => undefined, deadline = () => undefined }: Moves = {}) {
  const clock = testClock()
  const closing = new AbortController()
  const moved: string[] = []
  const said: Record<string, unknown>[] = []
  const mover = createMover(
    async (id) => {
      moved.push(id)
      await move(id)
    },
    async () => deadline(),
    { clock, closing: closing.signal, log: (level, message, fields) => void said.push({ level, message, ...fields }) },
  )
  return { clock, closing, moved, said, ...mover }
}

test('a study is moved by one call at a time, and once more however often it was asked meanwhile', async () => {
  const gate = Promise.withResolvers<void>()
  let [now, most] = [0, 0]
  const { advance, idle, moved } = watched({
    async move() {
      now += 1
      most = Math.max(most, now)
      await gate.promise
      now -= 1
    },
  })
  for (let asked = 0; asked < 10; asked++) advance('a')
  await turn()
  assert.deepEqual(moved, ['a'])
  gate.resolve()
  await idle()
  assert.deepEqual(moved, ['a', 'a'])
  assert.equal(most, 1)
})

test('studies move side by side', async () => {
  const gate = Promise.withResolvers<void>()
  const { advance, idle, moved } = watched({ move: () => gate.promise })
  advance('a')
  advance('b')
  await turn()
  assert.deepEqual(moved, ['a', 'b'])
  gate.resolve()
  await idle()
})

test('it is moved again when its deadline passes, which may move too', async () => {
  let deadline: number | undefined = startOfTime + 1000
  const { advance, idle, moved, clock } = watched({ deadline: () => deadline })
  advance('a')
  await idle()
  deadline = startOfTime + 5000
  advance('a')
  await idle()
  assert.deepEqual(clock.alarms(), [deadline])
  await clock.pass(4999)
  assert.equal(moved.length, 2)
  deadline = undefined
  await clock.pass(1)
  await idle()
  assert.equal(moved.length, 3)
  assert.deepEqual(clock.alarms(), [])
})

test('an error is said, with its code, and it is tried again by itself until it goes', async () => {
  let failures = 2
  const { advance, idle, moved, said, clock } = watched({
    async move() {
      if (failures-- > 0) throw new WardroundError('WR_STORE', { store: 'PostgreSQL', reason: 'gone' })
    },
  })
  advance('a')
  await idle()
  assert.deepEqual(
    said.map(({ level, study, code }) => ({ level, study, code })),
    [{ level: 'error', study: 'a', code: 'WR_STORE' }],
  )
  while (clock.alarms().length > 0) {
    await clock.pass((clock.alarms()[0] ?? 0) - clock.now())
    await idle()
  }
  assert.equal(moved.length, 3)
  assert.equal(said.length, 2)
})

test('one study that fails keeps no other from moving', async () => {
  const { advance, idle, moved } = watched({
    async move(id) {
      if (id === 'a') throw new Error('broken')
    },
  })
  advance('a')
  advance('b')
  await idle()
  advance('b')
  await idle()
  assert.deepEqual(moved, ['a', 'b', 'b'])
})

test('after closing, nothing moves and nobody waits', async () => {
  const { advance, idle, moved, clock, closing } = watched({ deadline: () => startOfTime + 1000 })
  advance('a')
  await idle()
  closing.abort()
  await clock.pass(2000)
  advance('a')
  await idle()
  assert.deepEqual(moved, ['a'])
  assert.deepEqual(clock.alarms(), [])
})
