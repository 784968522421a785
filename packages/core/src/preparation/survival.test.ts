/** Times until an event, from text to what a model is trained on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Study, studySchema } from '../study/study.ts'
import { mergeSurveys } from './merge.ts'
import { splitPatients } from './split.ts'
import { surveyOf } from './survey.ts'
import { type RawRecord, tableBuilder } from './table.ts'
import { scalesFor, transform } from './transform.ts'

const study: Study = studySchema.parse({
  wardround: 1,
  name: 'times',
  question: 'How soon?',
  data: {
    patient: 'who',
    target: { time: { column: 'days', unit: 'd', range: [0, 1000] }, event: { column: 'died', positive: '= 1' } },
    columns: { age: { type: 'number', unit: 'a', range: [0, 120] } },
    split: { test: 0.25, stratify: 'target' },
    minimumCohort: 2,
  },
  model: { layers: [{ dense: 1 }] },
  training: { loss: 'coxPartialLikelihood', optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 1 },
  strategy: { fedAvg: {} },
  rounds: { maximum: 3 },
})

type Values = RawRecord['values']
function tableOf(rows: readonly Values[], columns = ['who', 'days', 'died', 'age']) {
  const builder = tableBuilder(study, new Set(columns))
  for (const values of rows) builder.add({ values })
  return builder.finish()
}
const patient = (number: number, change: Values = {}): Values => ({
  who: `p${number}`,
  days: String(10 * number),
  died: String(number % 2),
  age: String(30 + number),
  ...change,
})
const of = (findings: ReturnType<typeof tableOf>['findings']) =>
  findings.map(({ code, severity, column, records }) => [code, severity, column, records])

test('records have a time, and count as what happened then', () => {
  const { table, findings } = tableOf([1, 2, 3, 4].map((number) => patient(number)))
  assert.deepEqual([...(table.times ?? [])], [10, 20, 30, 40])
  assert.deepEqual([...table.target], [1, 0, 1, 0])
  assert.deepEqual(findings, [])
})

test('what does not say time or event is left out and counted, by its column', () => {
  const { table, findings } = tableOf([
    patient(1),
    patient(2, { days: null }),
    patient(3, { died: null }),
    patient(4, { days: null, died: null }),
    patient(5, { days: '1001' }),
    patient(6, { days: '-1' }),
    patient(7, { days: 'soon' }),
    patient(8, { died: 'perhaps' }),
    patient(9),
  ])
  assert.deepEqual(table.patients, ['p1', 'p9'])
  assert.deepEqual([...(table.times ?? [])], [10, 90])
  assert.deepEqual(of(findings), [
    ['targetMissing', 'warning', 'days', 2],
    ['targetMissing', 'warning', 'died', 1],
    ['notNumber', 'error', 'days', 3],
    ['notNumber', 'error', 'died', 1],
  ])
})

test('both columns are wanted, and another time is another record', () => {
  const { findings } = tableOf([patient(1)], ['who', 'age'])
  assert.deepEqual(
    findings.filter(({ code }) => code === 'missingColumn').map(({ column }) => column),
    ['days', 'died'],
  )
  const again = (change: Values) => tableOf([patient(1), patient(1, change)]).findings.map(({ code }) => code)
  assert.ok(again({}).includes('duplicateRows'))
  assert.ok(!again({ days: '11' }).includes('duplicateRows'))
})

test('there is nothing to learn where nobody has the event; where everybody has it, there is', () => {
  const findings = (died: string) => of(tableOf([1, 2, 3].map((number) => patient(number, { died }))).findings)
  assert.deepEqual(findings('0'), [['oneClass', 'error', 'died', 3]])
  assert.deepEqual(findings('1'), [])
})

test('models are given time and event of each record, row by row, and the survey counts by event', () => {
  const rows = fc.array(fc.tuple(fc.nat({ max: 1000 }), fc.boolean()), { minLength: 40, maxLength: 60 })
  fc.assert(
    fc.property(rows, (drawn) => {
      const values = drawn.map(([days, died], index) =>
        patient(index, { days: String(days), died: String(Number(died)), age: '50' }),
      )
      const { table, findings } = tableOf(values)
      const split = splitPatients(table, study, 'a')
      const survey = surveyOf({ study, table, findings, split, minimumCohort: 2 })
      const { preparation } = mergeSurveys({ a: survey }, study)
      assert.ok(preparation !== undefined)
      const { training, test: tested } = split
      const scales = scalesFor(preparation, table, training)
      const inputs = transform(table, preparation, { rows: training, scales })
      assert.equal(inputs.targetWidth, 2)
      assert.equal(inputs.rows, training.length)
      assert.deepEqual(
        [...inputs.target],
        [...training].flatMap((row) => [drawn[row]?.[0], Number(drawn[row]?.[1])]),
      )
      const events = (part: Int32Array): number => part.filter((row) => drawn[row]?.[1] === true).length
      // Each class by itself is divided.
      assert.equal(events(tested), Math.round(0.25 * drawn.filter(([, died]) => died).length))
      const told = survey.target.event
      if (typeof told === 'number') assert.equal(told, events(training))
      assert.deepEqual(Object.keys(survey.target), ['censored', 'event'])
    }),
  )
})
