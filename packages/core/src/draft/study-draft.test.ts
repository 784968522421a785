import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../errors.ts'
import { parseStudy } from '../protocol/plan.ts'
import { layersIn } from '../study/model-forms.ts'
import { type Draft, type DraftInput, draftStudy } from './study-draft.ts'
import { columnSampler, guessColumn, soundsLikeIdentity, soundsLikePatient } from './study-sample.ts'

type Cells = Readonly<Record<string, readonly (string | null)[]>>

function samplesOf(cells: Cells) {
  const names = Object.keys(cells)
  const sampler = columnSampler(names)
  const rows = Math.max(...Object.values(cells).map((column) => column.length))
  for (let row = 0; row < rows; row++)
    sampler.add(Object.fromEntries(names.map((name) => [name, cells[name]?.[row] ?? null])))
  return sampler.finish()
}
const draftOf = (cells: Cells, more: Partial<DraftInput> = {}): Draft =>
  draftStudy({ name: 'Stroke 2026', file: 'stroke.csv', columns: samplesOf(cells), ...more })
const repeat = (values: readonly (string | null)[], count = 60): (string | null)[] =>
  Array.from({ length: count }, (_, i) => values[i % values.length] ?? null)
const each = (of: (i: number) => string, count = 60): string[] => Array.from({ length: count }, (_, i) => of(i))

const hospital: Cells = {
  PatientID: each((i) => `P${i % 50}`),
  'Family name': each((i) => `Name${i}`),
  admitted: each((i) => `2025-03-${String((i % 28) + 1).padStart(2, '0')}`),
  accession_run: each((i) => String(1000 + i)),
  serial: each((i) => String(1000 + i)),
  note: each((i) => `patient came in ${i % 30}`),
  ward: repeat(['7']),
  unused: repeat([null]),
  'Age (a)': each((i) => String(20 + (i % 50))),
  'Glucose [mmol/L]': each((i) => (4 + (i % 37) / 10).toFixed(1)),
  smoker: repeat(['yes', 'no', 'unknown']),
  nihss_class: repeat(['1', '2', '3', '4', '5']),
  died: repeat(['0', '1', '0']),
}

test('a hospital table: types, units, target; and what may identify somebody is left out with the reason', () => {
  const draft = draftOf(hospital)
  const { study, warnings } = parseStudy(draft.text)
  assert.equal(study.name, 'stroke-2026')
  assert.equal(study.data.patient, 'PatientID')
  assert.deepEqual(study.data.target, { column: 'died', positive: '> 0' })
  assert.deepEqual(
    Object.entries(study.data.columns).map(([name, { type }]) => [name, type]),
    [
      ['Age_a', 'number'],
      ['Glucose_mmol_L', 'number'],
      ['smoker', 'category'],
      ['nihss_class', 'category'],
    ],
  )
  const { Age_a: age, Glucose_mmol_L: glucose, smoker } = study.data.columns
  assert.ok(age?.type === 'number' && age.unit === 'a')
  assert.ok(glucose?.type === 'number' && glucose.unit === 'mmol/L')
  assert.deepEqual(smoker, { type: 'category', values: { no: 'no', unknown: 'unknown', yes: 'yes' } })
  assert.deepEqual(Object.fromEntries(draft.leftOut.map(({ column, reason }) => [column, reason])), {
    'Family name': 'identifierName',
    admitted: 'date',
    accession_run: 'identifierName',
    serial: 'everyValueDiffers',
    note: 'text',
    ward: 'constant',
    unused: 'empty',
  })
  for (const { column } of draft.leftOut) assert.ok(draft.text.includes(`#   ${JSON.stringify(column)}: `), column)
  assert.equal(draft.names.get('Age (a)'), 'Age_a')
  assert.match(draft.text, /Age_a: .*# unit from the name.*in this table: "Age \(a\)"/)
  assert.match(draft.text, /nihss_class: # fill in what each code means/)
  assert.deepEqual(warnings, [])
})

test('no value of an identifying or a free-text column is in the draft', () => {
  const { text } = draftOf(hospital)
  for (const value of ['P1', 'Name1', 'patient came in', '2025-03', '1001']) assert.ok(!text.includes(value), value)
})

test("the range is wider than the values: nobody's extreme is published, and no value is out of range", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 12, maxLength: 60 }),
      (values) => {
        const numbers = values.map((value, i) => String(Number(value.toFixed(3)) + i / 1000))
        fc.pre(new Set(numbers).size > 6 && numbers.every((text) => !text.includes('e')))
        const { study } = parseStudy(draftOf({ lab: numbers, died: repeat(['0', '1'], numbers.length) }).text)
        const lab = study.data.columns.lab
        assert.ok(lab?.type === 'number')
        const [low, high] = [Math.min(...numbers.map(Number)), Math.max(...numbers.map(Number))]
        assert.ok(lab.range[0] < low || (lab.range[0] === 0 && low >= 0), `${lab.range} of ${low} to ${high}`)
        assert.ok(lab.range[1] > high, `${lab.range} of ${low} to ${high}`)
      },
    ),
  )
})

const targets: readonly [name: string, values: readonly string[], target: object, loss: string, outputs: number][] = [
  ['diagnosis', ['M', 'B'], { positive: 'in M' }, 'binaryCrossEntropy', 1],
  ['outcome', ['alive', 'dead'], { positive: 'in dead' }, 'binaryCrossEntropy', 1],
  ['outcome', ['1', '2'], { positive: '= 2' }, 'binaryCrossEntropy', 1],
  ['num', ['0', '1', '2', '3'], { positive: '> 0' }, 'binaryCrossEntropy', 1],
  ['class', ['a b', 'c d'], { classes: { 'a b': 'a b', 'c d': 'c d' } }, 'categoricalCrossEntropy', 2],
  ['label', ['x', 'y', 'z'], { classes: { x: 'x', y: 'y', z: 'z' } }, 'categoricalCrossEntropy', 3],
]
for (const [name, values, target, loss, outputs] of targets)
  test(`the target ${name} with ${values.join(', ')} is ${Object.keys(target).join()}`, () => {
    const { study } = parseStudy(draftOf({ [name]: repeat(values), age: each((i) => String(20 + (i % 40))) }).text)
    assert.deepEqual(study.data.target, { column: name, ...target })
    assert.equal(study.training.loss, loss)
    assert.deepEqual(layersIn(study.model).at(-1), { dense: outputs, activation: 'linear', name: 'output' })
  })

test('a target with many numbers is a regression, and a person may name the target', () => {
  const cells = { los: each((i) => String(i % 31)), died: repeat(['0', '1']), sex: repeat(['m', 'f']) }
  const { study } = parseStudy(draftOf(cells, { target: 'los' }).text)
  assert.ok('unit' in study.data.target && study.data.target.column === 'los')
  assert.equal(study.training.loss, 'meanSquaredError')
  assert.deepEqual(Object.keys(study.data.columns), ['died', 'sex'])
})

const codeOf = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    if (error instanceof WardroundError) return error.code
    throw error
  }
  return 'none'
}

test('what no study can be drafted from is refused with a code', () => {
  assert.equal(
    codeOf(() => draftOf({ age: [null, null] })),
    'WR_DATA_EMPTY',
  )
  assert.equal(
    codeOf(() => draftOf({ age: repeat(['1', '2']), died: repeat(['0', '1']) }, { target: 'dead' })),
    'WR_DATA_COLUMN',
  )
  assert.equal(
    codeOf(() => draftOf({ id: each((i) => String(i)), died: repeat(['0', '1']) })),
    'WR_DATA_UNREADABLE',
  )
  assert.equal(
    codeOf(() => draftOf(hospital, { target: 'note' })),
    'WR_DATA_UNREADABLE',
  )
})

test('names that tell one patient from another, names that may identify, and names that do neither', () => {
  for (const name of ['id', 'ID', 'patient', 'PatientNr', 'subject_id', 'case-no', 'MRN', 'pid'])
    assert.ok(soundsLikePatient(name) && soundsLikeIdentity(name), name)
  for (const name of ['email', 'zipCode', 'date of birth', 'FirstName', 'visit_id'])
    assert.ok(!soundsLikePatient(name) && soundsLikeIdentity(name), name)
  for (const name of ['age', 'patient_age', 'oxidation', 'steroid', 'number_of_births', 'case_mix'])
    assert.ok(!soundsLikeIdentity(name), name)
})

test('`1`, `1.0` and `1.00` are one code', () => {
  const [sample] = samplesOf({ cp: repeat(['1', '1.0', '2', '2.00']) })
  assert.ok(sample !== undefined)
  assert.deepEqual(guessColumn(sample), { kind: 'category', codes: ['1', '2'] })
})

test('whatever the table holds, the draft is a valid study', () => {
  const text = fc.oneof(
    fc.string({ minLength: 1 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
    fc.integer().map(String),
    fc.double({ noNaN: true }).map(String),
    fc.constantFrom('0', '1', 'yes', 'no', '~', 'null', '- a', '#', '{', '"', "'", '\n', 'a: b', '__proto__', 'NaN'),
  )
  const column = fc
    .array(text, { minLength: 1, maxLength: 5 })
    .chain((values) => fc.array(fc.constantFrom(null, ...values), { minLength: 4, maxLength: 40 }))
  const name = fc.oneof(fc.string(), fc.constantFrom('a', 'id', 'target', 'Größe', '血压', 'a b', 'a_b', 'constructor'))
  fc.assert(
    fc.property(fc.dictionary(name, column, { minKeys: 2, maxKeys: 6, noNullPrototype: true }), (cells) => {
      let draft: Draft
      try {
        draft = draftOf(cells)
      } catch (error) {
        assert.ok(error instanceof WardroundError && error.code.startsWith('WR_DATA_'), String(error))
        return
      }
      const { study } = parseStudy(draft.text)
      const left = draft.leftOut.map(({ column: own }) => draft.names.get(own))
      for (const used of Object.keys(study.data.columns)) assert.ok(!left.includes(used))
    }),
    { numRuns: 300 },
  )
})
