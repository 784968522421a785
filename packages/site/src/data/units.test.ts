import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { coded } from './connector.suite.ts'
import { conversion } from './units.ts'

const converted = (column: string, value: number, [from, to]: readonly [string, string]): number => {
  const { factor, offset } = conversion(column, { from, to })
  return value * factor + offset
}
/** To five significant digits. */
const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) <= 5e-5 * Math.abs(expected), `${actual} is not ${expected}`)

test('values that clinics know by heart', () => {
  // Reference points from textbooks: 5.172 mmol/L of cholesterol is 200 mg/dL, 5.551 mmol/L of glucose 100 mg/dL,
  // 88.4 µmol/L of creatinine 1 mg/dL; 98.6 °F is 37 °C, 212 °F 100 °C.
  near(converted('chol', 5.1726, ['mmol/L', 'mg/dL']), 200)
  near(converted('hdl', 200, ['mg/dL', 'mmol/L']), 5.1726)
  near(converted('glucose', 5.5507, ['mmol/L', 'mg/dL']), 100)
  near(converted('creatinine', 88.402, ['umol/L', 'mg/dL']), 1)
  near(converted('creatinine', 1, ['mg/dL', 'umol/L']), 88.402)
  near(converted('temperature', 98.6, ['[degF]', 'Cel']), 37)
  near(converted('temperature', 100, ['Cel', '[degF]']), 212)
  near(converted('weight', 220.462, ['[lb_av]', 'kg']), 100)
  near(converted('height', 70, ['[in_i]', 'cm']), 177.8)
  near(converted('age', 30, ['mo', 'a']), 2.5)
  near(converted('trestbps', 16, ['kPa', 'mm[Hg]']), 120.01)
})

test('there and back is where it was', () => {
  const pairs: [string, string, string][] = [
    ['chol', 'mmol/L', 'mg/dL'],
    ['glucose', 'mmol/L', 'mg/dL'],
    ['creatinine', 'umol/L', 'mg/dL'],
    ['t', 'Cel', '[degF]'],
    ['w', 'kg', '[lb_av]'],
    ['h', 'cm', '[in_i]'],
    ['h', 'm', 'cm'],
    ['age', 'a', 'mo'],
    ['p', 'kPa', 'mm[Hg]'],
    ['dose', 'g', 'mg'],
  ]
  fc.assert(
    fc.property(fc.constantFrom(...pairs), fc.double({ min: -1e6, max: 1e6, noNaN: true }), (pair, value) => {
      const [column, from, to] = pair
      const back = converted(column, converted(column, value, [from, to]), [to, from])
      assert.ok(Math.abs(back - value) <= 1e-9 * Math.max(100, Math.abs(value)), `${pair}: ${value} → ${back}`)
    }),
  )
})

test('an amount of substance is converted for its own analyte only, and a factor of the hospital goes first', () => {
  const unknown = coded('WR_CONFIG', { field: 'columns.sodium.unit' })
  assert.throws(() => conversion('sodium', { from: 'mmol/L', to: 'mg/dL' }), unknown)
  assert.deepEqual(conversion('sodium', { from: 'mmol/L', to: 'mg/dL', factor: 2.3 }), { factor: 2.3, offset: 0 })
  assert.deepEqual(conversion('sodium', { from: 'mmol/L', to: 'mmol/L' }), { factor: 1, offset: 0 })
  assert.notEqual(
    conversion('glucose', { from: 'mmol/L', to: 'mg/dL' }).factor,
    conversion('chol', { from: 'mmol/L', to: 'mg/dL' }).factor,
  )
})
