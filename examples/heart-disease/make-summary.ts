/**
 * Makes summary.json from the UCI files: node examples/heart-disease/make-summary.ts FOLDER
 * It needs to run again only if the summary's form changes; the files themselves are never committed.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeColumns, columns, hospitals, numberColumns } from './files.ts'
import { type Group, type Summary, summarySchema } from './summary-schema.ts'

type Row = Readonly<Record<string, string>>

const minimumPatients = 20
/** A pressure or a cholesterol of 0 was not measured. */
const zeroIsMissing = ['trestbps', 'chol']
/** heart-disease.names, section 10. */
const patients: Readonly<Record<string, number[]>> = {
  cleveland: [164, 55, 36, 35, 13],
  budapest: [188, 37, 26, 28, 15],
  zurich: [8, 48, 32, 30, 5],
  longbeach: [51, 56, 41, 42, 10],
}

const rowsOf = (text: string): Row[] =>
  text
    .trim()
    .split(/\r?\n/)
    .map((line) => Object.fromEntries(line.split(',').map((cell, place) => [columns[place] ?? '', cell])))

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))

function presentOf(rows: readonly Row[], column: string): number[] {
  const values = rows.flatMap((row) => (row[column] === '?' ? [] : [Number(row[column])]))
  return zeroIsMissing.includes(column) ? values.filter((value) => value !== 0) : values
}

function numberSummary(values: readonly number[]): Group['numbers'][string] {
  if (values.length < minimumPatients) return null
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return { mean: rounded(mean, 2), standardDeviation: rounded(Math.sqrt(variance), 2) }
}

function codeSummary(values: readonly number[]): Group['codes'][string] {
  if (values.length < minimumPatients) return null
  const counts = Map.groupBy(values, String)
  return Object.fromEntries(
    [...counts].toSorted().map(([code, found]) => [code, rounded(found.length / values.length, 2)]),
  )
}

const groupOf = (rows: readonly Row[]): Group => ({
  numbers: Object.fromEntries(Object.keys(numberColumns).map((name) => [name, numberSummary(presentOf(rows, name))])),
  codes: Object.fromEntries(codeColumns.map((name) => [name, codeSummary(presentOf(rows, name))])),
})
const groupsOf = (rows: readonly Row[]) => ({
  without: groupOf(rows.filter(({ num }) => Number(num) === 0)),
  with: groupOf(rows.filter(({ num }) => Number(num) > 0)),
})

function missingOf(rows: readonly Row[]): Summary['hospitals'][string]['missing'] {
  const shareOf = (holds: (row: Row) => boolean): number => rounded(rows.filter(holds).length / rows.length, 2)
  return Object.fromEntries(
    [...Object.keys(numberColumns), ...codeColumns].map((name) => [
      name,
      {
        questionMark: shareOf((row) => row[name] === '?'),
        zero: zeroIsMissing.includes(name) ? shareOf((row) => Number(row[name]) === 0) : 0,
      },
    ]),
  )
}

const folder = process.argv[2] ?? '.'
const rows = Object.entries(hospitals).map(([name, file]) => ({
  name,
  rows: rowsOf(readFileSync(join(folder, file), 'utf8')),
}))
const summary: Summary = {
  source:
    'Counts by diagnosis: heart-disease.names. The rest was computed by make-summary.ts from the UCI Heart Disease files (Janosi, Steinbrunn, Pfisterer and Detrano 1988, CC BY 4.0).',
  minimumPatients,
  everywhere: groupsOf(rows.flatMap((hospital) => hospital.rows)),
  hospitals: Object.fromEntries(
    rows.map(({ name, rows: own }) => [
      name,
      { patients: patients[name] ?? [], missing: missingOf(own), groups: groupsOf(own) },
    ]),
  ),
}
writeFileSync(new URL('summary.json', import.meta.url), `${JSON.stringify(summarySchema.parse(summary), null, 2)}\n`)
