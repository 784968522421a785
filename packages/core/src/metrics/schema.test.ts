/** What a hostile or broken site may not send. Every refusal is one change to a statistic that is accepted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type BinaryStatistic,
  type MulticlassStatistic,
  type RegressionStatistic,
  type SurvivalStatistic,
  scoreBins,
  statisticSchema,
} from './schema.ts'
import { mergeStatistics } from './statistic.ts'
import { summarise } from './summary.ts'

const accepts = (value: unknown): boolean => statisticSchema.safeParse(value).success

/** Scores 0.1 (twice) and 0.6 of healthy patients, 0.9 of an ill one: cells, squares and losses by hand. */
const binary: BinaryStatistic = {
  kind: 'binary',
  negative: [
    { bin: 20, count: 2, scoreSum: 0.2, squaredErrorSum: 0.02 },
    { bin: 120, count: 1, scoreSum: 0.6, squaredErrorSum: 0.36 },
  ],
  positive: [{ bin: 180, count: 1, scoreSum: 0.9, squaredErrorSum: 0.01 }],
  // −2·ln 0.9 − ln 0.4 − ln 0.9
  lossSum: 1.2323722778,
  patients: 4,
}
const multiclass: MulticlassStatistic = {
  kind: 'multiclass',
  confusion: [
    [3, 1],
    [0, 2],
  ],
  lossSum: 2,
  squaredErrorSum: 1.5,
  patients: 5,
}
const regression: RegressionStatistic = {
  kind: 'regression',
  records: 2,
  // Errors 1 and −3, truths 4 and 6.
  squaredErrorSum: 10,
  absoluteErrorSum: 4,
  targetSum: 10,
  targetSquareSum: 52,
  patients: 2,
}

const survival: SurvivalStatistic = {
  kind: 'survival',
  records: 3,
  // Two of three records had the event: each comes before the third, and one before the other.
  events: 2,
  comparablePairs: 3,
  concordantPairs: 2.5,
  lossSum: 1.5,
  patients: 3,
}

test('right statistics are accepted, empty ones too', () => {
  for (const statistic of [binary, multiclass, regression, survival]) assert.ok(accepts(statistic), statistic.kind)
  assert.ok(accepts({ kind: 'binary', negative: [], positive: [], lossSum: 0, patients: 0 }))
})

const poisons = [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e308, '1', null, undefined, [1], {}]

test('no number of a statistic can be poisoned, left out or of another type', () => {
  // Truths may be negative numbers: with a sum of −1 the regression is as good.
  for (const statistic of [binary, multiclass, regression, survival])
    for (const key of Object.keys(statistic))
      for (const poison of poisons)
        if (key !== 'targetSum' || poison !== -1)
          assert.equal(accepts({ ...statistic, [key]: poison }), false, `${statistic.kind} ${key} ${String(poison)}`)
  for (const key of ['bin', 'count', 'scoreSum', 'squaredErrorSum'])
    for (const poison of [...poisons, scoreBins])
      assert.equal(accepts({ ...binary, positive: [{ ...binary.positive[0], [key]: poison }] }), false, key)
  for (const poison of [...poisons, 0.5])
    assert.equal(
      accepts({
        ...multiclass,
        confusion: [
          [3, poison],
          [0, 2],
        ],
      }),
      false,
      String(poison),
    )
})

test('unknown fields are refused', () => {
  for (const statistic of [binary, multiclass, regression, survival])
    assert.equal(accepts({ ...statistic, names: ['a patient'] }), false)
  assert.equal(accepts({ ...binary, positive: [{ ...binary.positive[0], names: ['a patient'] }] }), false)
})

test('a histogram that bloats or contradicts itself is refused', () => {
  const [low, high] = binary.negative
  assert.equal(accepts({ ...binary, negative: [high, low] }), false, 'order')
  assert.equal(accepts({ ...binary, negative: [low, low, high] }), false, 'twice')
  const cell = (changes: object) => ({ ...binary, positive: [{ ...binary.positive[0], ...changes }] })
  assert.equal(accepts(cell({ count: 0, scoreSum: 0, squaredErrorSum: 0 })), false, 'an empty cell')
  assert.equal(accepts(cell({ count: 1.5 })), false, 'half a record')
  assert.equal(accepts(cell({ scoreSum: 0.5 })), false, 'a score outside its bin')
  assert.equal(accepts(cell({ squaredErrorSum: 0.5 })), false, 'an error that the bin does not allow')
  // The same cell as a negative: its squared error would be about 0.81.
  assert.equal(accepts({ ...binary, negative: binary.positive }), false, 'an error of the other label')
  assert.equal(accepts({ ...binary, lossSum: 0.9 }), false, 'a loss below what the bins allow')
  assert.equal(accepts({ ...binary, lossSum: 1.3 }), false, 'a loss above what the bins allow')
})

test('patients are no more than records, and none only where there are none', () => {
  for (const [statistic, records] of [
    [binary, 4],
    [multiclass, 6],
    [regression, 2],
    [survival, 3],
  ] as const) {
    assert.ok(accepts({ ...statistic, patients: records }))
    assert.ok(accepts({ ...statistic, patients: 1 }))
    assert.equal(accepts({ ...statistic, patients: records + 1 }), false)
    assert.equal(accepts({ ...statistic, patients: 0 }), false)
  }
})

test('sums of several classes and of numbers fit their records', () => {
  // −ln 2^-23 is 15.94…: six records cannot lose more than six times it.
  assert.ok(accepts({ ...multiclass, lossSum: 95 }))
  assert.equal(accepts({ ...multiclass, lossSum: 96 }), false)
  assert.ok(accepts({ ...multiclass, squaredErrorSum: 12 }))
  assert.equal(accepts({ ...multiclass, squaredErrorSum: 12.1 }), false)
  assert.equal(
    accepts({
      ...multiclass,
      confusion: [
        [3, 1, 0],
        [0, 2, 0],
      ],
    }),
    false,
    'not square',
  )
  assert.equal(accepts({ ...multiclass, confusion: [[6]] }), false, 'one class')
  assert.equal(accepts({ ...multiclass, confusion: new Array(1001).fill([0]) }), false, 'too many classes')
  // (Σx)² ≤ n·Σx²: two errors whose squares add up to 10 are 2·√5 = 4.47… together, at most.
  assert.ok(accepts({ ...regression, absoluteErrorSum: 4.47 }))
  assert.equal(accepts({ ...regression, absoluteErrorSum: 4.48 }), false)
  assert.equal(accepts({ ...regression, targetSum: -10.3 }), false)
})

test('pairs and events fit their records', () => {
  assert.ok(accepts({ ...survival, concordantPairs: 3 }))
  assert.ok(accepts({ ...survival, events: 0, comparablePairs: 0, concordantPairs: 0, lossSum: 0 }))
  for (const [changes, why] of [
    [{ concordantPairs: 3.5 }, 'more in order than there are'],
    [{ concordantPairs: 2.25 }, 'a quarter of a pair'],
    // Two events before two other records each.
    [{ comparablePairs: 5 }, 'more pairs than records make'],
    [{ events: 4, comparablePairs: 3 }, 'more events than records'],
    [{ events: 0, comparablePairs: 0, concordantPairs: 0 }, 'a loss of no event'],
    [{ lossSum: 1e40 }, 'a loss that no two numbers differ by'],
  ] as const)
    assert.equal(accepts({ ...survival, ...changes }), false, why)
})

test('whatever is accepted has finite figures, merged with as much again too', () => {
  const wild = fc.oneof(
    fc.double({ min: 0, noNaN: true }),
    fc.integer({ min: 0, max: 2 ** 40 }),
    fc.constantFrom(0, 1e308, Number.MAX_VALUE),
  )
  const changes = fc.record(
    {
      records: wild,
      squaredErrorSum: wild,
      absoluteErrorSum: wild,
      targetSum: wild,
      targetSquareSum: wild,
      patients: wild,
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(changes, (changes) => {
      const parsed = statisticSchema.safeParse({ ...regression, ...changes })
      if (!parsed.success) return
      const merged = mergeStatistics([parsed.data, parsed.data])
      assert.ok(merged !== null)
      for (const value of Object.values(summarise(merged))) assert.ok(value === null || Number.isFinite(value))
    }),
    { numRuns: 1000 },
  )
})
