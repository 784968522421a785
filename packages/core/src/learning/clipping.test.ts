import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StrategySpec } from '../study/strategy.ts'
import { initialState, step, weighed } from './process.ts'
import { strategyOf } from './strategies.ts'
import { aggregateOf, cluster, updatesOf } from './testing/robust.ts'

const bounded = (norm: number | 'median'): StrategySpec => ({ normBound: { rate: 1, norm } })
const length = (values: readonly number[]): number => Math.hypot(...values)

test('norm bounding by hand: 1/n · Σ Δᵢ / max(1, ‖Δᵢ‖/M) (Sun et al. 2019)', () => {
  // ‖(3, 4)‖ = 5 is halved to 2.5; (0, 2) stays. ((1.5, 2) + (0, 2)) / 2.
  assert.deepEqual(
    aggregateOf(bounded(2.5), [
      [3, 4],
      [0, 2],
    ]),
    [0.75, 2],
  )
  // Norms 5, 2, 10, 1: the smaller of the middle two is 2. (3, 4)·2/5, (0, 2), (−10, 0)·2/10, (1, 0): sum (1.2 − 2 + 1, 1.6 + 2).
  const rows = [
    [3, 4],
    [0, 2],
    [-10, 0],
    [1, 0],
  ]
  const found = aggregateOf(bounded('median'), rows)
  assert.deepEqual(found, [Math.fround(0.2 / 4), Math.fround(3.6 / 4)])
  const strategy = strategyOf(bounded('median'))
  const { measurements } = weighed(strategy, updatesOf(rows), initialState(strategy, 2))
  assert.deepEqual(measurements, { longestAllowed: 2, shortenedUpdates: 2 })
})

test('what is no longer than the bound is averaged, each hospital alike', () => {
  assert.deepEqual(
    aggregateOf(bounded(100), [
      [3, 4],
      [0, 2],
      [-9, 0],
    ]),
    [-2, 2],
  )
})

test('a minority cannot make the median length longer than every other update, and moves the mean by no more', () => {
  fc.assert(
    fc.property(cluster({ least: (liars) => liars + 1 }), ({ updates, honest }) => {
      const longest = Math.max(...honest.map(length))
      assert.ok(length(aggregateOf(bounded('median'), updates)) <= longest * (1 + 1e-6))
    }),
  )
})

/** The weights after each round. */
function clipped(
  options: { radius: number | 'median'; iterations: number },
  rounds: readonly (readonly number[][])[],
): number[][] {
  const strategy = strategyOf({ centredClipping: { rate: 1, ...options } })
  let now = {
    result: new Float32Array(rounds[0]?.[0]?.length ?? 0),
    state: initialState(strategy, rounds[0]?.[0]?.length ?? 0),
  }
  return rounds.map((rows) => {
    now = step(strategy, { weights: now.result, updates: updatesOf(rows) }, now.state)
    return [...now.result]
  })
}

test('centred clipping by hand, one round after another: v ← v + 1/n · Σ (xᵢ − v)·min(1, τ/‖xᵢ − v‖) (Karimireddy et al. 2021)', () => {
  // τ = 2. Round 1, from 0: 8 is clipped to 2, 1 stays: v = 1.5. Round 2, from 1.5: 7.5 away is clipped to 2, −0.5 stays: v = 1.5 + 0.75.
  assert.deepEqual(
    clipped({ radius: 2, iterations: 1 }, [
      [[8], [1]],
      [[9], [1]],
    ]),
    [[1.5], [1.5 + 2.25]],
  )
  // Twice a round: v₁ = 1.5, v₂ = 1.5 + (2 − 0.5)/2 = 2.25.
  assert.deepEqual(clipped({ radius: 2, iterations: 2 }, [[[8], [1]]]), [[2.25]])
  // From (0, 0), τ = 5: (6, 8) becomes (3, 4), (0, 4) stays: v = (1.5, 4). It is the centre of round 2: (1.5, 9) stays, (1.5, −6) is 10 away.
  const rounds = [
    [
      [6, 8],
      [0, 4],
    ],
    [
      [1.5, 9],
      [1.5, -6],
    ],
  ]
  assert.deepEqual(clipped({ radius: 5, iterations: 1 }, rounds), [
    [1.5, 4],
    [3, 8],
  ])
  // The median distance: of 1, 2 and 9 from 0 it is 2. (1 + 2 + 2) / 3.
  assert.deepEqual(clipped({ radius: 'median', iterations: 1 }, [[[9], [1], [2]]]), [[Math.fround(5 / 3)]])
})

test('with a radius that nothing exceeds it is the mean of the hospitals, whatever the centre', () => {
  const rounds = [
    [
      [3, 4],
      [0, 2],
      [-9, 0],
    ],
    [
      [1, 1],
      [2, 0],
    ],
  ]
  assert.deepEqual(clipped({ radius: 1e6, iterations: 3 }, rounds), [
    [-2, 2],
    [-0.5, 2.5],
  ])
})

test('a liar of any size moves it by no more than the radius / n', () => {
  const honest = [
    [1, 0, 0],
    [0, 1, 0],
    [1, 1, 0],
  ]
  const fair = clipped({ radius: 3, iterations: 1 }, [[...honest, [0, 0, 0]]])[0] ?? []
  fc.assert(
    fc.property(
      fc.array(fc.float({ min: Math.fround(-1e30), max: Math.fround(1e30), noNaN: true }), {
        minLength: 3,
        maxLength: 3,
      }),
      (lie) => {
        const found = clipped({ radius: 3, iterations: 1 }, [[...honest, lie]])[0] ?? []
        assert.ok(length(found.map((value, k) => value - (fair[k] ?? 0))) <= (3 / 4) * (1 + 1e-6))
      },
    ),
  )
})
