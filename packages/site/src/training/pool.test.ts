import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Lent, sharesOf, trainerPool } from './pool.ts'
import type { Trainer } from './trainer.ts'

/** Trainers that are told apart by their number, in the order in which they were first taken. */
function numbered(atOnce: number) {
  const closed: Trainer[] = []
  const cores: number[] = []
  const pool = trainerPool({ atOnce, coresEach: 3 }, (own) => {
    cores.push(own)
    const trainer: Trainer = {
      train: () => assert.fail(),
      predict: () => assert.fail(),
      warm: () => undefined,
      close: async () => void closed.push(trainer),
    }
    return trainer
  })
  const seen: Trainer[] = []
  const numberOf = ({ trainer }: Lent): number => {
    if (!seen.includes(trainer)) seen.push(trainer)
    return seen.indexOf(trainer)
  }
  return { pool, numberOf, closed, cores }
}

test('studies one after another share a trainer; one that comes beside another has its own, and the same one again', () => {
  const { pool, numberOf } = numbered(3)
  const [a, again] = [pool.take('a'), () => pool.take('a')]
  assert.equal(numberOf(a), 0)
  a.giveBack()
  const b = pool.take('b')
  assert.equal(numberOf(b), 0)
  const beside = again()
  assert.equal(numberOf(beside), 1)
  beside.giveBack()
  b.giveBack()
  // That of b was given back last, but this is a's.
  assert.equal(numberOf(again()), 1)
  assert.equal(numberOf(pool.take('b')), 0)
  assert.equal(numberOf(pool.take('c')), 2)
  assert.throws(() => pool.take('d'), RangeError)
})

test('a study that comes anew has the trainer that was given back last', () => {
  const { pool, numberOf } = numbered(3)
  const [a, b] = [pool.take('a'), pool.take('b')]
  assert.deepEqual([a, b].map(numberOf), [0, 1])
  a.giveBack()
  b.giveBack()
  assert.deepEqual(
    ['c', 'd', 'e'].map((study) => numberOf(pool.take(study))),
    [1, 0, 2],
  )
})

test('whatever is taken and given back: nobody shares a trainer, and there are no more than were at work at once', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.boolean()), { maxLength: 60 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), steps, (atOnce, taken) => {
      const { pool, numberOf } = numbered(atOnce)
      const held = new Map<string, Lent>()
      let most = 0
      for (const [study, takes] of taken) {
        const own = held.get(study)
        if (own !== undefined) {
          own.giveBack()
          held.delete(study)
        }
        if (!takes || held.size === atOnce) continue
        const lent = pool.take(study)
        assert.ok([...held.values()].every(({ trainer }) => trainer !== lent.trainer))
        held.set(study, lent)
        most = Math.max(most, held.size)
        assert.ok(numberOf(lent) < most)
      }
    }),
  )
})

test('all of them are closed', async () => {
  const { pool, closed } = numbered(3)
  pool.take('a')
  await pool.close()
  assert.equal(new Set(closed).size, 3)
})

test('no more at once than there are cores, two where nobody has said, and all cores shared out', () => {
  const [some, many] = [fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 64 })]
  fc.assert(
    fc.property(some, fc.option(many, { nil: undefined }), many, (asked, cores, machine) => {
      const { atOnce, coresEach } = sharesOf({ asked, cores }, machine)
      const all = cores ?? machine
      assert.equal(atOnce, Math.min(asked, all, machine))
      assert.ok(coresEach * atOnce <= all && (coresEach + 1) * atOnce > all)
    }),
  )
  assert.deepEqual(
    [1, 2, 64].map((machine) => sharesOf({}, machine)),
    [
      { atOnce: 1, coresEach: 1 },
      { atOnce: 2, coresEach: 1 },
      { atOnce: 2, coresEach: 32 },
    ],
  )
})

test('each trainer is made with its cores', () => {
  assert.deepEqual(numbered(2).cores, [3, 3])
})
