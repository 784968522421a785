/** Of times until an event: what a site sends, and the figures that become of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../errors.ts'
import { bootstrap, pooledEstimates } from './intervals.ts'
import { roundFigure } from './round-figure.ts'
import { statisticSchema } from './schema.ts'
import { mergeStatistics, type Scored, statisticOf } from './statistic.ts'
import { summarise } from './summary.ts'

type Row = { readonly time: number; readonly event: number; readonly score: number; readonly patient: number }

const rowsArbitrary = fc.array(
  fc.record({
    time: fc.integer({ min: 0, max: 9 }),
    event: fc.nat({ max: 1 }),
    score: fc.integer({ min: -8, max: 8 }).map((value) => value / 4),
    patient: fc.nat({ max: 20 }),
  }),
  { minLength: 1, maxLength: 30 },
)
const scoredOf = (rows: readonly Row[]): Scored => ({
  scores: Float32Array.from(rows, ({ score }) => score),
  target: Float32Array.from(rows.flatMap(({ time, event }) => [time, event])),
  patients: rows.map(({ patient }) => `patient ${patient}`),
})
const statisticIn = (scored: Scored) => statisticOf('coxPartialLikelihood', scored)

/** Events at 1, 2 and 4, somebody lost at 3; the one who died last was thought to be in the greatest danger. */
const four = scoredOf([
  { time: 1, event: 1, score: 1, patient: 1 },
  { time: 2, event: 1, score: 0, patient: 2 },
  { time: 3, event: 0, score: 0, patient: 3 },
  { time: 4, event: 1, score: 2, patient: 4 },
])

test('by hand: of five pairs two and a half are in order', () => {
  const statistic = statisticIn(four)
  // 1 before 2, 3 and not before 4; 2 as 3, and not before 4.
  assert.deepEqual(
    { ...statistic, lossSum: 0 },
    { kind: 'survival', records: 4, events: 3, comparablePairs: 5, concordantPairs: 2.5, lossSum: 0, patients: 4 },
  )
  const { concordance, loss, accuracy } = summarise(statistic)
  assert.equal(concordance, 0.5)
  assert.equal(accuracy, null)
  const { E } = Math
  const byHand = (Math.log((E + 2 + E * E) / E) + Math.log(2 + E * E) + 0) / 4
  assert.ok(Math.abs((loss ?? 0) - byHand) < 1e-12)
  const figure = roundFigure('loss', 'coxPartialLikelihood', four)
  assert.ok(Math.abs((figure?.sum ?? 0) - 4 * byHand) < 1e-12)
})

test('what is sent can be read, and the parts together have the pairs of each', () => {
  fc.assert(
    fc.property(rowsArbitrary, rowsArbitrary, (a, b) => {
      const parts = [a, b].map((rows) => statisticIn(scoredOf(rows)))
      for (const part of parts) assert.deepEqual(statisticSchema.parse(JSON.parse(JSON.stringify(part))), part)
      const merged = mergeStatistics(parts)
      assert.ok(merged?.kind === 'survival')
      const sum = (of: 'events' | 'records' | 'comparablePairs' | 'concordantPairs' | 'patients'): number =>
        parts.reduce((total, part) => total + (part.kind === 'survival' ? part[of] : Number.NaN), 0)
      for (const name of ['events', 'records', 'comparablePairs', 'concordantPairs', 'patients'] as const)
        assert.equal(merged[name], sum(name))
      const { concordance } = pooledEstimates(parts, merged, ['pooled'])
      const wanted = merged.comparablePairs === 0 ? null : merged.concordantPairs / merged.comparablePairs
      assert.deepEqual(concordance, { value: wanted, low: null, high: null, n: merged.patients })
    }),
    { numRuns: 200 },
  )
})

test('an interval is of the figure, in order, and a model does not differ from itself', () => {
  fc.assert(
    fc.property(rowsArbitrary, (rows) => {
      const scored = scoredOf(rows)
      const { estimates, differences } = bootstrap([scored, scored], ['test'], { outcome: 'survival', replicates: 50 })
      const concordance = estimates[0]?.concordance
      assert.equal(concordance?.value, summarise(statisticIn(scored)).concordance)
      if (concordance !== undefined && concordance.low !== null && concordance.high !== null)
        assert.ok(0 <= concordance.low && concordance.low <= concordance.high && concordance.high <= 1)
      const difference = differences[0]?.concordance?.value
      assert.equal(difference, concordance?.value === null ? null : 0)
      assert.equal(estimates[0]?.auroc.value, null)
    }),
    { numRuns: 60 },
  )
})

test('all records of a patient are drawn together', () => {
  // Two patients, each with the same pair twice: whoever is drawn, the figure stays.
  const rows = [1, 1, 2, 2].flatMap((patient) => [
    { time: 1, event: 1, score: 1, patient },
    { time: 2, event: 0, score: 0, patient },
  ])
  const { concordance } =
    bootstrap([scoredOf(rows)], ['test'], { outcome: 'survival', replicates: 50 }).estimates[0] ?? {}
  assert.deepEqual(concordance, { value: 1, low: 1, high: 1, n: 2 })
  // With somebody whose pairs are in the other order, it depends on who is drawn.
  const among = [...rows, { time: 0, event: 1, score: -1, patient: 3 }]
  const mixed = bootstrap([scoredOf(among)], ['test'], { outcome: 'survival', replicates: 200 }).estimates[0]
    ?.concordance
  assert.equal(mixed?.high, 1)
  assert.ok((mixed?.low ?? 1) < (mixed?.value ?? 0), `${mixed?.low} and ${mixed?.value}`)
})

test('predictions that are not finite are refused, and other statistics do not merge with it', () => {
  const broken = { ...four, scores: Float32Array.of(0, Number.NaN, 0, 0) }
  for (const ask of [() => statisticIn(broken), () => bootstrap([broken], ['test'], { outcome: 'survival' })])
    assert.throws(ask, (error) => error instanceof WardroundError && error.code === 'WR_WEIGHTS_NOT_FINITE')
  const regression = statisticOf('meanSquaredError', { ...four, target: new Float32Array(4) })
  assert.throws(
    () => mergeStatistics([statisticIn(four), regression]),
    (error) => error instanceof WardroundError && error.code === 'WR_BODY_INVALID',
  )
})
