/** Against ByzFL's rules and SciPy's minimizer: fixtures/make_robust.py. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { z } from 'zod'
import type { StrategySpec } from '../study/strategy.ts'
import { initialState, step } from './process.ts'
import { strategyOf } from './strategies.ts'
import { aggregateOf, updatesOf } from './testing/robust.ts'

const vector = z.array(z.number())
const { cases, clipping } = z
  .object({
    cases: z.array(
      z.object({
        faulty: z.number(),
        updates: z.array(vector),
        krum: vector,
        multiKrum: z.object({ keep: z.number(), result: vector }),
        geometricMedian: vector,
      }),
    ),
    clipping: z.array(
      z.object({
        radius: z.number(),
        iterations: z.number(),
        rounds: z.array(z.array(vector)),
        results: z.array(vector),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(new URL('fixtures/robust.json', import.meta.url), 'utf8')))

/** Weights are Float32, and start at 0. */
const near = (found: Iterable<number>, wanted: readonly number[], within = 2e-7): void => {
  for (const [k, value] of [...found].entries())
    assert.ok(
      Math.abs(value - (wanted[k] ?? Number.NaN)) <= within * Math.max(1, Math.abs(value)),
      `${value}, ${wanted[k]}`,
    )
}

for (const { faulty, updates, ...wanted } of cases) {
  const { keep, result } = wanted.multiKrum
  const specs: { spec: StrategySpec; result: readonly number[]; within?: number }[] = [
    { spec: { krum: { rate: 1, faulty } }, result: wanted.krum },
    { spec: { multiKrum: { rate: 1, faulty, keep } }, result },
    { spec: { geometricMedian: { rate: 1, smoothing: 1e-6 } }, result: wanted.geometricMedian, within: 2e-6 },
  ]
  for (const { spec, result, within } of specs)
    test(`${Object.keys(spec)} of ${updates.length} with ${faulty} wrong`, () =>
      near(aggregateOf(spec, updates), result, within))
}

for (const { radius, iterations, rounds, results } of clipping)
  test(`centredClipping, ${rounds.length} rounds, radius ${radius}, ${iterations} iterations`, () => {
    const strategy = strategyOf({ centredClipping: { rate: 1, radius, iterations } })
    let state = initialState(strategy, rounds[0]?.[0]?.length ?? 0)
    assert.ok(rounds.length > 1)
    for (const [index, rows] of rounds.entries()) {
      const weights = new Float32Array(rows[0]?.length ?? 0)
      const done = step(strategy, { weights, updates: updatesOf(rows) }, state)
      near(done.result, results[index] ?? [])
      state = done.state
    }
  })
