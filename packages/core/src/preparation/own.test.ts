import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseStudy } from '../protocol/plan.ts'
import { ownPreparation } from './own.ts'
import type { TypedTable } from './table.ts'

const { study } = parseStudy(`
wardround: 1
name: own
question: Is it?
data:
  patient: who
  target: { column: ill, positive: "> 0" }
  columns:
    age: { type: number, unit: a, range: [0, 120] }
    chol: { type: number, unit: mg/dL, range: [0, 700] }
    sex: { type: category, values: { f: female, m: male } }
    ward: { type: category, values: { A: one, B: two } }
model: { layers: [ { dense: 1, name: output } ] }
training: { loss: binaryCrossEntropy, optimizer: { sgd: { rate: 0.1 } }, batch: 2, epochs: 1 }
strategy: { fedAvg: {} }
rounds: { maximum: 1 }
`)

const table: TypedTable = {
  rows: 5,
  patients: ['a', 'b', 'c', 'd', 'e'],
  target: Float32Array.of(0, 1, 0, 1, 1),
  columns: {
    age: { type: 'number', values: Float64Array.of(40, 60, Number.NaN, 50, 99) },
    chol: { type: 'number', values: new Float64Array(5).fill(Number.NaN) },
    sex: { type: 'category', values: Int32Array.of(1, 1, 0, -1, 0) },
    ward: { type: 'category', values: new Int32Array(5).fill(-1) },
  },
}
/** The last patient is for testing. */
const split = { training: Int32Array.of(0, 1, 2, 3), validation: new Int32Array(), test: Int32Array.of(4) }

test('a hospital alone knows its own training records and nothing else; what it never measures is a constant', () => {
  const { columns, contributors } = ownPreparation(study, { table, split }, 'here')
  // Of 40, 60 and 50; the test patient's 99 counts for nothing.
  assert.deepEqual(columns, [
    { name: 'age', type: 'number', fill: 50, mean: 50, standardDeviation: Math.sqrt(200 / 3) },
    { name: 'chol', type: 'number', fill: 0, mean: 0, standardDeviation: 1 },
    { name: 'sex', type: 'category', codes: ['f', 'm'], fill: 'm' },
    { name: 'ward', type: 'category', codes: ['A', 'B'], fill: 'A' },
  ])
  assert.deepEqual(contributors, ['here'])
})
