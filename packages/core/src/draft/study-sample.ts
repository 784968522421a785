/** What the columns of a table look like, from their text alone: what a study is drafted from. Memory is bounded. */
import { parseNumber } from '../numbers.ts'

export type ColumnSample = {
  readonly name: string
  /** Records with a value, and without. */
  readonly records: number
  readonly missing: number
  /** Distinct texts and how often each occurs, of the first `countedRecords` records; no more than `distinctLimit`. */
  readonly counts: ReadonlyMap<string, number>
  readonly countedRecords: number
  /** How many values are decimal numbers, and how many of those are whole. */
  readonly numbers: number
  readonly wholes: number
  /** Of the numbers; NaN where there are none. */
  readonly low: number
  readonly high: number
  readonly dates: number
}

export type ColumnSampler = {
  /** A record by column; null where missing. */
  add(values: Readonly<Record<string, string | null>>): void
  finish(): readonly ColumnSample[]
}

/** Texts kept for each column. */
const distinctLimit = 10_000
const datePattern = /^(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4})(?:[T ].*)?$/

export function columnSampler(names: readonly string[]): ColumnSampler {
  const tallies = names.map(columnTally)
  return {
    add(values) {
      for (const tally of tallies) tally.add(values[tally.name] ?? null)
    },
    finish: () => tallies.map((tally) => tally.sample()),
  }
}

function columnTally(name: string) {
  const counts = new Map<string, number>()
  const sum = { records: 0, missing: 0, countedRecords: 0, numbers: 0, wholes: 0, dates: 0 }
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  const add = (text: string | null): void => {
    if (text === null) {
      sum.missing += 1
      return
    }
    sum.records += 1
    if (counts.size < distinctLimit) {
      sum.countedRecords += 1
      counts.set(text, (counts.get(text) ?? 0) + 1)
    }
    const value = parseNumber(text)
    if (Number.isFinite(value)) {
      sum.numbers += 1
      if (Number.isInteger(value)) sum.wholes += 1
      low = Math.min(low, value)
      high = Math.max(high, value)
    } else if (datePattern.test(text)) sum.dates += 1
  }
  const sample = (): ColumnSample => ({
    name,
    ...sum,
    counts,
    low: sum.numbers > 0 ? low : Number.NaN,
    high: sum.numbers > 0 ? high : Number.NaN,
  })
  return { name, add, sample }
}

export const leftOutReasons = ['empty', 'constant', 'identifierName', 'everyValueDiffers', 'date', 'text'] as const
export type LeftOutReason = (typeof leftOutReasons)[number]

export type Guess =
  | { readonly kind: 'number' }
  /** Distinct codes, in alphabetical order. */
  | { readonly kind: 'category'; readonly codes: readonly string[] }
  | { readonly kind: 'leftOut'; readonly reason: LeftOutReason }

/** Whole numbers with at most so many values are codes; texts with at most so many are. */
const mostNumberCodes = 6
const mostTextCodes = 20
const longestCode = 80
/** In a shorter table it means nothing that every value differs. */
const fewestForUnique = 20
/** A number column may hold a few texts, and a date column a few faults: preflight names them. */
const nearlyAll = 0.9

export function guessColumn(sample: ColumnSample): Guess {
  const { counts, records, missing } = sample
  if (records === 0) return { kind: 'leftOut', reason: 'empty' }
  if (soundsLikeIdentity(sample.name)) return { kind: 'leftOut', reason: 'identifierName' }
  if (counts.size === 1) return { kind: 'leftOut', reason: 'constant' }
  if (sample.dates >= nearlyAll * records) return { kind: 'leftOut', reason: 'date' }
  const unique = counts.size === sample.countedRecords && records >= fewestForUnique
  const codes = [...new Set([...counts.keys()].map(plainCode))].toSorted((a, b) => (a < b ? -1 : 1))
  if (sample.numbers >= nearlyAll * records) {
    if (unique && missing === 0 && sample.wholes === records) return { kind: 'leftOut', reason: 'everyValueDiffers' }
    return sample.wholes === records && codes.length <= mostNumberCodes
      ? { kind: 'category', codes }
      : { kind: 'number' }
  }
  if (unique) return { kind: 'leftOut', reason: 'everyValueDiffers' }
  const codesFit = codes.every((code) => code.length <= longestCode && code.trim() !== '' && code !== '__proto__')
  return codes.length <= mostTextCodes && codesFit ? { kind: 'category', codes } : { kind: 'leftOut', reason: 'text' }
}

/** `1`, `1.0` and `1.00` are one code, as preparation/table.ts reads them. */
const plainCode = (text: string): string => (Number.isNaN(parseNumber(text)) ? text : String(Number(text)))

/** Words of a column's name: `PatientID`, `patient_id` and `Patient ID` are `patient`, `id`. */
export const wordsOf = (name: string): readonly string[] =>
  name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')

const identityWords = new Set(
  'id ids mrn ssn pid uuid guid name surname firstname lastname fullname initials address street phone telephone mobile fax email mail zip zipcode postcode postal insurance passport birth birthday birthdate dob url ip barcode accession'.split(
    ' ',
  ),
)
const personWords = new Set(['patient', 'subject', 'person', 'case', 'mrn', 'pid'])
const keyWords = new Set(['id', 'no', 'nr', 'num', 'number', 'key', 'code', 'mrn', 'pid'])

/** Whether a name says that the column tells who somebody is. */
export const soundsLikeIdentity = (name: string): boolean =>
  wordsOf(name).some((word) => identityWords.has(word)) || soundsLikePatient(name)

/** Whether a name says that the column tells one patient from another. */
export function soundsLikePatient(name: string): boolean {
  const words = wordsOf(name)
  const person = words.some((word) => personWords.has(word))
  return (person && (words.length === 1 || words.some((word) => keyWords.has(word)))) || words.join() === 'id'
}
