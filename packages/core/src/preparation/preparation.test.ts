import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Study, studySchema } from '../study/study.ts'
import { preflightSentence } from '../words/en/preflight.ts'
import { medianOf, mergeMoments, mergeSurveys } from './merge.ts'
import type { Survey } from './schema.ts'
import { splitPatients } from './split.ts'
import { coarseHistogram, surveyOf } from './survey.ts'
import { type TypedTable, tableBuilder } from './table.ts'
import { scalesFor, transform } from './transform.ts'

const studyOf = (change: Record<string, unknown> = {}): Study =>
  studySchema.parse({
    wardround: 1,
    name: 'test',
    question: 'Is it?',
    data: {
      patient: 'who',
      target: { column: 'y', positive: '> 0' },
      columns: {
        age: { type: 'number', unit: 'a', range: [0, 120] },
        sex: { type: 'category', values: { 0: 'female', 1: 'male' } },
      },
      split: { test: 0.3, validation: 0.2, stratify: 'target' },
      minimumCohort: 5,
      ...change,
    },
    model: { layers: [{ dense: 1 }] },
    training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 1 },
    strategy: { fedAvg: {} },
    rounds: { maximum: 3 },
  })
const study = studyOf()

type Row = { who: string | null; y: string | null; age: string | null; sex: string | null }
function tableOf(rows: readonly Row[], names = ['who', 'y', 'age', 'sex']) {
  const builder = tableBuilder(study, new Set(names))
  for (const values of rows) builder.add({ values })
  return builder.finish()
}
const rowArbitrary = fc.record({
  who: fc.nat({ max: 60 }).map((n) => `p${n}`),
  y: fc.constantFrom('0', '1', '2'),
  age: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 120 }).map(String) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  sex: fc.constantFrom('0', '1', '1.0', null),
})
const rowsArbitrary = fc.array(rowArbitrary, { minLength: 30, maxLength: 200 })
const patientsIn = (table: TypedTable, rows: Int32Array): Set<string> =>
  new Set(Array.from(rows, (row) => table.patients[row] ?? ''))

test('a patient is never on two sides, and every row is on one', () => {
  fc.assert(
    fc.property(rowsArbitrary, (rows) => {
      const { table } = tableOf(rows)
      const split = splitPatients(table, study, 'a')
      const parts = [split.training, split.validation, split.test]
      assert.deepEqual(
        parts.flatMap((part) => [...part]).toSorted((x, y) => x - y),
        Array.from({ length: table.rows }, (_, row) => row),
      )
      const [a, b, c] = parts.map((part) => patientsIn(table, part))
      assert.ok(a?.isDisjointFrom(b ?? a) && a.isDisjointFrom(c ?? a) && b?.isDisjointFrom(c ?? b))
    }),
  )
})

test('the split does not depend on the order of the file, and differs by seed and by site', () => {
  fc.assert(
    fc.property(rowsArbitrary, (rows) => {
      const [forward, backward] = [tableOf(rows).table, tableOf(rows.toReversed()).table]
      const here = splitPatients(forward, study, 'a')
      assert.deepEqual(patientsIn(forward, here.test), patientsIn(backward, splitPatients(backward, study, 'a').test))
    }),
  )
  const { table } = tableOf(
    Array.from({ length: 100 }, (_, i) => ({ who: `p${i}`, y: String(i % 2), age: '50', sex: '0' })),
  )
  const tests = (seed: number, site: string) =>
    [...patientsIn(table, splitPatients(table, { ...study, seed }, site).test)].toSorted().join()
  assert.notEqual(tests(1, 'a'), tests(2, 'a'))
  assert.notEqual(tests(1, 'a'), tests(1, 'b'))
  // 50 patients a class: 30 % and 20 % of each.
  const split = splitPatients(table, study, 'a')
  assert.deepEqual([split.test.length, split.validation.length, split.training.length], [30, 20, 50])
  assert.equal(Array.from(split.test, (row) => table.target[row]).filter((y) => y === 1).length, 15)
})

test('a given split is taken as it is; what names no part, or a patient in two, is found', () => {
  const given = (change: object = {}) => studyOf({ split: { column: 'part', ...change } })
  const load = (parts: readonly (string | null)[], own: Study) => {
    const builder = tableBuilder(own, new Set(['who', 'y', 'age', 'sex', 'part']))
    for (const [row, part] of parts.entries())
      builder.add({ values: { who: `p${Math.floor(row / 2)}`, y: String(row % 2), age: '50', sex: '0', part } })
    const { table, findings } = builder.finish()
    const found = findings.filter(({ code }) => code.startsWith('part'))
    const { training, validation, test } = splitPatients(table, own, 'a')
    return { found, rows: table.rows, parts: [[...training], [...validation], [...test]] }
  }
  const four = load(['test', 'test', 'training', 'training', 'training', 'training', 'test', 'test'], given())
  assert.deepEqual([four.found, four.parts], [[], [[2, 3, 4, 5], [], [0, 1, 6, 7]]])
  const three = ['validation', 'validation', 'training', 'training', 'test', 'test']
  assert.deepEqual(load(three, given({ validation: true })).parts, [
    [2, 3],
    [0, 1],
    [4, 5],
  ])
  // Without `validation` in the study, that is no part; nor are spellings of one's own.
  const unknown = load(['validation', 'Training', 'test', 'test'], given())
  assert.deepEqual(unknown.found, [{ code: 'partUnknown', severity: 'error', column: 'part', records: 2 }])
  const missing = load(['test', 'test', null, 'training'], given())
  assert.deepEqual(missing.found, [{ code: 'partMissing', severity: 'warning', column: 'part', records: 1 }])
  assert.deepEqual([missing.rows, missing.parts], [3, [[2], [], [0, 1]]])
  const mixed = load(['training', 'test', 'test', 'test'], given())
  assert.deepEqual(mixed.found, [{ code: 'partMixed', severity: 'error', column: 'part', records: 2 }])
})

test('nothing in a survey is about fewer patients than the minimum', () => {
  fc.assert(
    fc.property(rowsArbitrary, fc.integer({ min: 2, max: 12 }), (rows, minimumCohort) => {
      const { table, findings } = tableOf(rows)
      const survey = surveyOf({ study, table, findings, split: splitPatients(table, study, 'a'), minimumCohort })
      const walk = (value: unknown, path: string): void => {
        if (typeof value === 'number' && !/mean|m2|edges/.test(path))
          assert.ok(value === 0 || value >= minimumCohort, `${path} = ${value}`)
        else if (value !== null && typeof value === 'object')
          for (const [key, inner] of Object.entries(value)) walk(inner, `${path}.${key}`)
      }
      walk(survey, 'survey')
      const { counts } = survey.columns.sex as { counts: Record<string, number | null> }
      const hidden = Object.values(counts).filter((count) => count === null).length
      assert.notEqual(hidden, 1, 'a single hidden count could be worked out from the others')
    }),
  )
})

test('every bin of a histogram holds the minimum of patients, and every record is in one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.float({ min: 0, max: 120, noNaN: true }), fc.nat({ max: 40 })), {
        minLength: 1,
        maxLength: 300,
      }),
      fc.integer({ min: 2, max: 15 }),
      (pairs, minimum) => {
        const owners = pairs.map(([, owner]) => `p${owner}`)
        const { edges, counts } = coarseHistogram(
          { values: Float64Array.from(pairs, ([value]) => value), owners, range: [0, 120] },
          minimum,
        )
        if (new Set(owners).size < minimum) return assert.deepEqual(counts, [])
        assert.equal(
          counts.reduce((sum, count) => sum + count, 0),
          pairs.length,
        )
        assert.equal(edges.length, counts.length + 1)
        for (const [bin, count] of counts.entries()) {
          const inside = pairs.filter(
            ([value]) => value >= (edges[bin] ?? 0) && (value < (edges[bin + 1] ?? 0) || bin === counts.length - 1),
          )
          assert.equal(inside.length, count)
          assert.ok(new Set(inside.map(([, owner]) => owner)).size >= minimum)
        }
      },
    ),
  )
})

test('moments of parts merge to those of the whole', () => {
  const whole = (values: readonly number[]) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    return { records: values.length, mean, m2: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) }
  }
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.double({ min: -1000, max: 1000, noNaN: true }), { minLength: 1, maxLength: 30 }), {
        minLength: 1,
        maxLength: 6,
      }),
      (parts) => {
        const merged = mergeMoments(parts.map(whole))
        const direct = whole(parts.flat())
        assert.equal(merged?.records, direct.records)
        assert.ok(Math.abs((merged?.mean ?? 0) - direct.mean) <= 1e-9 * (1 + Math.abs(direct.mean)))
        assert.ok(Math.abs((merged?.m2 ?? 0) - direct.m2) <= 1e-9 * (1 + direct.m2))
      },
    ),
  )
})

test('the median of two histograms, by hand', () => {
  // 10 in [0, 10) and 10 in [10, 20) against 20 in [0, 20): below 10 lie 10 + 10 of 40.
  assert.equal(
    medianOf([
      { edges: [0, 10, 20], counts: [10, 10] },
      { edges: [0, 20], counts: [20] },
    ]),
    10,
  )
  // 10 in [0, 10), 30 in [10, 20): half of 40 is passed a third of the way through the second bin.
  assert.ok(Math.abs(medianOf([{ edges: [0, 10, 20], counts: [10, 30] }]) - (10 + 10 / 3)) < 1e-12)
})

/** A federation of sites with some ages, everything else alike. */
function surveysOf(sites: Record<string, readonly string[]>): Record<string, Survey> {
  return Object.fromEntries(
    Object.entries(sites).map(([site, ages]) => {
      const { table, findings } = tableOf(
        ages.map((age, i) => ({ who: `p${i}`, y: String(i % 2), age, sex: String(Math.floor(i / 2) % 2) })),
      )
      return [site, surveyOf({ study, table, findings, split: splitPatients(table, study, site), minimumCohort: 5 })]
    }),
  )
}
const ages = (mean: number): string[] => Array.from({ length: 80 }, (_, i) => String(mean - 10 + (i % 21)))

test('pooled training records have mean 0 and deviation 1 after the transformation', () => {
  const sites: Record<string, readonly string[]> = { a: ages(40), b: ages(50), c: ages(60) }
  const { preparation } = mergeSurveys(surveysOf(sites), study)
  assert.ok(preparation !== undefined)
  assert.deepEqual(
    preparation.columns.map(({ name }) => name),
    ['age', 'sex'],
  )
  const values = Object.entries(sites).flatMap(([site, own]) => {
    const { table } = tableOf(
      own.map((age, i) => ({ who: `p${i}`, y: String(i % 2), age, sex: String(Math.floor(i / 2) % 2) })),
    )
    const rows = splitPatients(table, study, site).training
    const inputs = transform(table, preparation, { rows, scales: scalesFor(preparation, table, rows) })
    assert.equal(inputs.width, 2)
    return Array.from(inputs.features).filter((_, i) => i % 2 === 0)
  })
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  assert.ok(Math.abs(mean) < 1e-5 && Math.abs(variance - 1) < 1e-4, `${mean} ${variance}`)
})

test('a site that measures in another unit is noticed, and named', () => {
  const { findings } = mergeSurveys(
    surveysOf({ a: ages(50), b: ages(52), c: Array.from({ length: 80 }, (_, i) => String(4 + (i % 3) / 10)) }),
    study,
  )
  assert.deepEqual(
    findings.c?.map(({ code, column }) => [code, column]),
    [['unitSuspect', 'age']],
  )
})

test('missing values are filled, and the reference code has no input of its own', () => {
  const { preparation } = mergeSurveys(surveysOf({ a: ages(50) }), study)
  assert.ok(preparation !== undefined)
  const { table } = tableOf([
    { who: 'x', y: '1', age: null, sex: '1' },
    { who: 'y', y: '0', age: null, sex: '0' },
  ])
  const inputs = transform(table, preparation, {
    rows: Int32Array.of(0, 1),
    scales: scalesFor(preparation, table, Int32Array.of()),
  })
  assert.deepEqual([...inputs.features], [0, 1, 0, 0])
  assert.deepEqual([...inputs.target], [1, 0])
})

test('bad cells become findings with the column and a count', () => {
  const bad: Row[] = [
    { who: null, y: '1', age: '1', sex: '0' },
    { who: 'a', y: null, age: '1', sex: '0' },
    { who: 'b', y: '1', age: 'old', sex: '0' },
    { who: 'c', y: '0', age: '300', sex: '7' },
    { who: 'd', y: '0', age: '30', sex: '1' },
    { who: 'd', y: '0', age: '30', sex: '1.0' },
  ]
  const { table, findings } = tableOf(bad, ['who', 'y', 'age', 'sex'])
  assert.equal(table.rows, 4)
  const told = findings
    .map(({ code, severity, column, records }) => `${severity} ${code} ${column ?? ''} ${records}`)
    .toSorted()
  assert.deepEqual(told, [
    'error notNumber age 1',
    'error unknownCategory sex 1',
    // b's age is text and c's out of range: what is left is 30, twice.
    'warning constant age 2',
    'warning duplicateRows  1',
    'warning outOfRange age 1',
    'warning patientMissing who 1',
    'warning targetMissing y 1',
  ])
  const { findings: gone } = tableOf([{ who: 'a', y: '1', age: null, sex: null }], ['who', 'y', 'age'])
  assert.ok(gone.some(({ code, column }) => code === 'missingColumn' && column === 'sex'))
})

test('a category that has one code everywhere stops the study, and is not called empty', () => {
  const rows = Array.from({ length: 60 }, (_, index) => ({ who: `p${index}`, y: `${index % 2}`, age: '50', sex: '1' }))
  const { table, findings } = tableOf(rows)
  const survey = surveyOf({ study, table, findings, split: splitPatients(table, study, 'a'), minimumCohort: 5 })
  const merged = mergeSurveys({ north: survey, south: survey }, study)
  assert.equal(merged.preparation, undefined)
  for (const site of ['north', 'south'])
    assert.deepEqual(
      merged.findings[site]?.filter(({ severity }) => severity === 'error'),
      [{ code: 'nothingCounted', severity: 'error', column: 'sex' }],
    )
  const [told] = merged.findings.north?.filter(({ severity }) => severity === 'error') ?? []
  assert.match(
    preflightSentence('north', told ?? assert.fail()),
    /^north: .* sex that may be counted.*the same code.*a number/,
  )
})
