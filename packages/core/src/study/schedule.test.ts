import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
// make_training.py says how.
import fixture from '../graph/fixtures/training.json' with { type: 'json' }
import { rateFactor } from './rate.ts'
import { scheduleSchema } from './schedule.ts'

const near = (found: number, wanted: number, what: string): void =>
  assert.ok(Math.abs(found - wanted) <= 1e-6 * Math.max(1e-3, Math.abs(wanted)), `${what}: ${found} and ${wanted}`)

for (const { schedule, factors } of fixture.schedules)
  test(`${JSON.stringify(schedule)}: the factors are PyTorch's`, () => {
    const spec = scheduleSchema.parse(schedule)
    assert.ok(factors.length > 20)
    for (const [count, factor] of factors.entries()) near(rateFactor(spec, count), factor, String(count))
  })

const common = { warmUp: fc.nat(20) }
const factor = fc.double({ min: 0.1, max: 1, noNaN: true })
const specs = fc
  .oneof(
    fc.record({ constant: fc.record(common) }),
    fc.record({ step: fc.record({ every: fc.integer({ min: 1, max: 9 }), factor, ...common }) }),
    fc.record({ exponential: fc.record({ factor, ...common }) }),
    fc.record({ cosine: fc.record({ length: fc.integer({ min: 1, max: 30 }), final: factor, ...common }) }),
  )
  .map((spec) => scheduleSchema.parse(spec))

test('a rate rises while it warms up, is whole after that, and never rises again', () => {
  fc.assert(
    fc.property(specs, (spec) => {
      const factors = Array.from({ length: 60 }, (_, count) => rateFactor(spec, count))
      const whole = factors.indexOf(1)
      assert.equal(whole, Object.values<{ warmUp: number }>(spec)[0]?.warmUp)
      for (const [count, value] of factors.entries()) {
        const before = factors[count - 1] ?? 0
        assert.ok(count <= whole ? value > before : value <= before, factors.join(' '))
      }
    }),
  )
})

test('a cosine stays where it has fallen', () => {
  const spec = scheduleSchema.parse({ cosine: { length: 10, final: 0.25 } })
  for (const count of [10, 11, 15, 20, 1000]) assert.equal(rateFactor(spec, count), 0.25)
})
