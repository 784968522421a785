/** What a survey hides must not follow from what it tells. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { studySchema } from '../study/study.ts'
import { splitPatients } from './split.ts'
import { surveyOf } from './survey.ts'
import { tableBuilder } from './table.ts'

const codes = ['a', 'b', 'c', 'd']
const study = studySchema.parse({
  wardround: 1,
  name: 'test',
  question: 'Is it?',
  data: {
    patient: 'who',
    target: { column: 'y', classes: { x: 'one', y: 'two', z: 'three' } },
    columns: { code: { type: 'category', values: Object.fromEntries(codes.map((code) => [code, code])) } },
    split: { test: 0.2 },
  },
  model: { layers: [{ dense: 3 }] },
  training: { loss: 'categoricalCrossEntropy', optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 1 },
  strategy: { fedAvg: {} },
  rounds: { maximum: 3 },
})

test('hidden counts together are about the minimum of patients, or about everybody', () => {
  const row = fc.record({
    who: fc.nat({ max: 80 }).map((n) => `p${n}`),
    y: fc.oneof({ weight: 8, arbitrary: fc.constant('x') }, fc.constantFrom('y', 'z')),
    code: fc.oneof({ weight: 12, arbitrary: fc.constantFrom('a', 'b') }, fc.constantFrom('c', 'd')),
  })
  fc.assert(
    fc.property(fc.array(row, { minLength: 40, maxLength: 160 }), fc.integer({ min: 2, max: 12 }), (rows, minimum) => {
      const builder = tableBuilder(study, new Set(['who', 'y', 'code']))
      for (const values of rows) builder.add({ values })
      const { table, findings } = builder.finish()
      const split = splitPatients(table, study, 'a')
      const survey = surveyOf({ study, table, findings, split, minimumCohort: minimum })
      const patientsWhere = (holds: (row: number) => boolean): number =>
        new Set([...split.training].filter(holds).map((at) => table.patients[at])).size
      const column = survey.columns.code
      assert.ok(column?.type === 'category')
      const check = (told: Readonly<Record<string, number | null>>, indexOf: (row: number) => number): void => {
        const labels = Object.keys(told)
        const hidden = labels.flatMap((label, index) => (told[label] === null ? [index] : []))
        if (hidden.length === 0 || hidden.length === labels.length) return
        assert.ok(patientsWhere((at) => hidden.includes(indexOf(at))) >= minimum, JSON.stringify(told))
      }
      const codes = table.columns.code
      assert.ok(codes?.type === 'category')
      check(column.counts, (at) => codes.values[at] ?? -1)
      check(survey.target, (at) => table.target[at] ?? -1)
    }),
    { numRuns: 300 },
  )
})
