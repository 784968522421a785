import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { run } from '../graph/interpreter/interpret.ts'
import { float32, numbers } from '../graph/interpreter/values.ts'
import { lossGraph } from '../graph/testing/losses.ts'
import { type Concordance, concordanceOf, partialLikelihood } from './concordance.ts'

type Row = { readonly time: number; readonly event: 0 | 1; readonly score: number; readonly weight: number }

/** Few values, so that times and scores are often equal. */
const rowArbitrary: fc.Arbitrary<Row> = fc.record({
  time: fc.integer({ min: 0, max: 6 }),
  event: fc.constantFrom(0, 1),
  score: fc.integer({ min: -4, max: 4 }).map((value) => value / 4),
  weight: fc.nat({ max: 3 }),
})
const rowsArbitrary = fc.array(rowArbitrary, { maxLength: 25 })

const scoredOf = (rows: readonly Row[]) => ({
  scores: Float32Array.from(rows, ({ score }) => score),
  target: Float32Array.from(rows.flatMap(({ time, event }) => [time, event])),
})
const weightsOf = (rows: readonly Row[]): number[] => rows.map(({ weight }) => weight)

const isFirst = (a: Row, b: Row): boolean => a.event === 1 && (a.time < b.time || (a.time === b.time && b.event === 0))

/** Every ordered pair, by the definition. */
function byPairs(rows: readonly Row[]): Concordance {
  let [comparable, concordant] = [0, 0]
  for (const a of rows)
    for (const b of rows)
      if (isFirst(a, b)) {
        comparable += a.weight * b.weight
        concordant += a.weight * b.weight * (a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0)
      }
  return { comparable, concordant }
}

test('every pair is looked at as the definition says, with weights and without', () => {
  fc.assert(
    fc.property(rowsArbitrary, (rows) => {
      const weigh = concordanceOf(scoredOf(rows))
      assert.deepEqual(weigh(weightsOf(rows)), byPairs(rows))
      assert.deepEqual(weigh(), byPairs(rows.map((row) => ({ ...row, weight: 1 }))))
    }),
    { numRuns: 300 },
  )
})

test('a record that weighs n is n records', () => {
  fc.assert(
    fc.property(rowsArbitrary, (rows) => {
      const repeated = rows.flatMap((row) => Array.from({ length: row.weight }, () => row))
      assert.deepEqual(concordanceOf(scoredOf(rows))(weightsOf(rows)), concordanceOf(scoredOf(repeated))())
    }),
  )
})

/** Over each event its risk set, and Efron's share of those who had it with it, in Float64. */
function lossByRiskSets(rows: readonly Row[]): number {
  const hazards = (of: readonly Row[]): number => of.reduce((sum, { score }) => sum + Math.exp(score), 0)
  return rows.reduce((sum, row, index) => {
    if (row.event === 0) return sum
    const isTied = (other: Row): boolean => other.event === 1 && other.time === row.time
    const tied = rows.filter(isTied)
    const place = rows.slice(0, index).filter(isTied).length
    const atRisk = rows.filter(({ time }) => time >= row.time)
    return sum + Math.log(hazards(atRisk) - (place / tied.length) * hazards(tied)) - row.score
  }, 0)
}

const assertClose = (found: number, wanted: number, tolerance: number): void =>
  assert.ok(Math.abs(found - wanted) <= tolerance * Math.max(1, Math.abs(wanted)), `${found}, not ${wanted}`)

test("the partial likelihood is each event's share of its risk set, ties by Efron", () => {
  fc.assert(
    fc.property(rowsArbitrary, (rows) => {
      const { lossSum, events } = partialLikelihood(scoredOf(rows))
      assert.equal(events, rows.filter(({ event }) => event === 1).length)
      assertClose(lossSum, lossByRiskSets(rows), 1e-12)
    }),
    { numRuns: 300 },
  )
})

test('and by records, what training makes small', () => {
  fc.assert(
    fc.property(fc.array(rowArbitrary, { minLength: 2, maxLength: 12 }), (rows) => {
      const { scores, target } = scoredOf(rows)
      const feeds = {
        logits: float32([rows.length, 1], [...scores]),
        target: float32([rows.length, 2], [...target]),
      }
      const { loss } = run(lossGraph({ loss: 'coxPartialLikelihood', feeds }), feeds)
      const { lossSum } = partialLikelihood({ scores, target })
      assertClose(lossSum / rows.length, numbers(loss ?? assert.fail()).data[0] ?? Number.NaN, 1e-6)
    }),
  )
})

test('scores however far out give a number, and only their differences count', () => {
  fc.assert(
    fc.property(rowsArbitrary, fc.constantFrom(-1024, 1024, 2 ** 16), (rows, shift) => {
      const { scores, target } = scoredOf(rows)
      const moved = partialLikelihood({ scores: scores.map((score) => score + shift), target })
      assertClose(moved.lossSum, partialLikelihood({ scores, target }).lossSum, 1e-9)
      const far = partialLikelihood({ scores: scores.map((score) => score * 1e30), target })
      assert.ok(Number.isFinite(far.lossSum))
    }),
  )
})
