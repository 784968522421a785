/** Why Cox's loss is divided by records: an event weighs the same, whoever else its hospital knows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { partialLikelihood } from '../../metrics/concordance.ts'
import { run } from '../interpreter/interpret.ts'
import { float32, numbers } from '../interpreter/values.ts'
import { lossGraph } from '../testing/losses.ts'

type Patient = { readonly finding: number; readonly time: number; readonly event: 0 | 1 }

const targetOf = (patients: readonly Patient[]): number[] => patients.flatMap(({ time, event }) => [time, event])

/** By the coefficient of the finding, in Float64. */
function gradientOf(hospital: readonly Patient[], coefficient: number): number {
  const feeds = {
    logits: float32(
      [hospital.length, 1],
      hospital.map(({ finding }) => coefficient * finding),
    ),
    target: float32([hospital.length, 2], targetOf(hospital)),
  }
  const { gradient } = run(lossGraph({ loss: 'coxPartialLikelihood', feeds }), feeds)
  const { data } = numbers(gradient ?? assert.fail())
  return hospital.reduce((sum, { finding }, row) => sum + finding * (data[row] ?? Number.NaN), 0)
}

/** What federated averaging makes of it: the mean, times the records that it is of. */
const pullOf = (hospital: readonly Patient[], coefficient: number): number =>
  hospital.length * gradientOf(hospital, coefficient)

/** Lost before anybody's event: in no risk set, and a pair with nobody. */
const lost = (count: number): Patient[] =>
  Array.from({ length: count }, (_, row) => ({ finding: row - 2, time: 0, event: 0 }))

test('56 records that are a pair with nobody change a hospital’s pull by nothing, to the bit', () => {
  const findings = [3, -1, 0.5, 2, -2, 1, 0, -0.25]
  const eight = findings.map(
    (finding, row): Patient => ({ finding, time: 1 + (row >> 1), event: row % 3 === 0 ? 0 : 1 }),
  )
  const sixtyFour = [...lost(28), ...eight, ...lost(28)]
  assert.notEqual(pullOf(eight, 0.75), 0)
  // Both numbers of records are powers of two.
  assert.equal(pullOf(sixtyFour, 0.75), pullOf(eight, 0.75))
})

const patient: fc.Arbitrary<Patient> = fc.record({
  finding: fc.integer({ min: -8, max: 8 }).map((value) => value / 4),
  time: fc.integer({ min: 1, max: 5 }),
  event: fc.constantFrom(0, 1),
})
const twoHospitals = fc.array(fc.array(patient, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 2 })
const step = 2 ** -10

/** Of the likelihood stratified by hospital, by the five-point central difference (Abramowitz and Stegun 1964, 25.3.6). */
function stratifiedSlope(all: readonly (readonly Patient[])[], coefficient: number): number {
  const at = (shift: number): number =>
    all.reduce((sum, own) => {
      const scores = own.map(({ finding }) => (coefficient + shift) * finding)
      return sum + partialLikelihood({ scores, target: targetOf(own) }).lossSum
    }, 0)
  return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)
}

test('two hospitals together pull as the likelihood stratified by hospital says, however many records are a pair with nobody', () => {
  fc.assert(
    fc.property(twoHospitals, fc.array(fc.nat({ max: 8 }), { minLength: 2, maxLength: 2 }), (all, added) => {
      const grown = all.map((own, index) => [...own, ...lost(added[index] ?? 0)])
      const found = grown.reduce((sum, own) => sum + pullOf(own, 0.5), 0)
      const wanted = stratifiedSlope(all, 0.5)
      // Constants are Float32: what a mean is multiplied by.
      assert.ok(Math.abs(found - wanted) <= 1e-6 * Math.max(1, Math.abs(wanted)), `${found}, not ${wanted}`)
    }),
    { numRuns: 40 },
  )
})
