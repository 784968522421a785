/** A hospital's records as typed columns, with what preflight noticed on the way. Made row by row, so that text is not kept. */
import { parseNumber } from '../numbers.ts'
import { type ColumnSpec, type ImageColumn, type SplitPart, type Study, splitParts } from '../study/study.ts'
import { classLabels, orderedCodes, orderedColumns, specialColumns, targetRule } from './encoding.ts'
import type { Finding, FindingCode } from './schema.ts'

/** A record under the study's column names; null where the hospital's data says that it is missing. */
export type RawRecord = {
  readonly values: Readonly<Record<string, string | null>>
  /** Of the study's image columns. */
  readonly images?: Readonly<Record<string, RawImage>>
}
/** Levels [channels, height, width], or why there are none. */
export type RawImage = Uint8Array | 'imageMissing' | 'imageUnreadable'

export type TypedColumn =
  /** NaN where missing or out of range. */
  | { readonly type: 'number'; readonly values: Float64Array<ArrayBuffer> }
  /** An index into the ordered codes; −1 where missing. */
  | { readonly type: 'category'; readonly values: Int32Array<ArrayBuffer> }
  /** Levels [channels, height, width] of each row. */
  | { readonly type: 'image'; readonly images: readonly Uint8Array[] }

export type TypedTable = {
  readonly rows: number
  readonly patients: readonly string[]
  /** 0 or 1, a class index, or a value. */
  readonly target: Float32Array<ArrayBuffer>
  readonly columns: Readonly<Record<string, TypedColumn>>
  /** Each row's, where the study has the split given. */
  readonly parts?: readonly SplitPart[]
}

/** A finding while its patients are still counted; survey.ts decides what may be said. */
export type LocalFinding = Omit<Finding, 'count'> & { readonly records: number }

export type TableBuilder = {
  add(record: RawRecord): void
  finish(): { readonly table: TypedTable; readonly findings: readonly LocalFinding[] }
}

/** Records without a patient, a target, an image that can be read or, where the split is given, a part of it are left out and counted. */
export function tableBuilder(study: Study, available: ReadonlySet<string>): TableBuilder {
  const tally = findingTally()
  const columns = orderedColumns(study.data.columns)
  for (const name of [...specialColumns(study), ...columns.map(([column]) => column)]) {
    if (!available.has(name)) tally.note('missingColumn', 'error', name)
  }
  const here = columns.filter(([name]) => available.has(name))
  const readers = here.flatMap(([name, spec]) =>
    spec.type === 'image' ? [] : [{ name, ...columnReader(spec), values: [] as number[] }],
  )
  const imageColumns = here.flatMap(([name, { type }]) =>
    type === 'image' ? [{ name, images: [] as Uint8Array[] }] : [],
  )
  const ruleOf = targetRule(study.data.target)
  const patients: string[] = []
  const target: number[] = []
  const partOf = partReader(study)
  const parts: SplitPart[] = []
  const seen = new Set<string>()
  return {
    add({ values, images = {} }) {
      const patient = values[study.data.patient] ?? null
      const outcome = values[study.data.target.column] ?? null
      if (patient === null) return tally.note('patientMissing', 'warning', study.data.patient)
      if (outcome === null) return tally.note('targetMissing', 'warning', study.data.target.column)
      const label = ruleOf(outcome)
      if (Number.isNaN(label)) return tally.note('notNumber', 'error', study.data.target.column)
      const { part, problem } = partOf(values)
      if (problem !== undefined) return tally.note(...problem)
      for (const { name } of imageColumns) {
        const image = images[name] ?? 'imageMissing'
        if (typeof image === 'string') return tally.note(image, 'warning', name)
      }
      for (const { name, images: own } of imageColumns) {
        const image = images[name]
        if (image instanceof Uint8Array) own.push(image)
      }
      if (part !== undefined) parts.push(part)
      patients.push(patient)
      target.push(label)
      for (const reader of readers) {
        const text = values[reader.name] ?? null
        const { value, problem } = text === null ? reader.missing : reader.read(text)
        if (problem !== undefined) tally.note(problem, problem === 'outOfRange' ? 'warning' : 'error', reader.name)
        reader.values.push(value)
      }
      if (readers.length === 0) return
      const row = JSON.stringify([patient, label, readers.map((reader) => reader.values.at(-1))])
      if (seen.has(row)) tally.note('duplicateRows', 'warning')
      seen.add(row)
    },
    finish: () => {
      const table: TypedTable = {
        rows: patients.length,
        patients,
        target: Float32Array.from(target),
        columns: Object.fromEntries([
          ...readers.map(({ name, type, values }) => [name, typed(type, values)] as const),
          ...imageColumns.map(({ name, images }) => [name, { type: 'image', images }] as const),
        ]),
        ...('column' in study.data.split ? { parts } : {}),
      }
      return { table, findings: [...tally.all(), ...tableFindings(study, table)] }
    },
  }
}

const typed = (type: 'number' | 'category', values: readonly number[]): TypedColumn =>
  type === 'number' ? { type, values: Float64Array.from(values) } : { type, values: Int32Array.from(values) }

type Read = { readonly value: number; readonly problem?: FindingCode }

type Problem = readonly [code: FindingCode, severity: Finding['severity'], column: string]

/** The part of the split that a record says it is in; neither part nor problem where the split is drawn. */
function partReader({ data: { split } }: Study) {
  return (values: RawRecord['values']): { readonly part?: SplitPart; readonly problem?: Problem } => {
    if (!('column' in split)) return {}
    const text = values[split.column] ?? null
    if (text === null) return { problem: ['partMissing', 'warning', split.column] }
    const part = splitParts.find((known) => known === text)
    return part === undefined || (part === 'validation' && !split.validation)
      ? { problem: ['partUnknown', 'error', split.column] }
      : { part }
  }
}

function columnReader(spec: Exclude<ColumnSpec, ImageColumn>): {
  type: 'number' | 'category'
  missing: Read
  read(text: string): Read
} {
  if (spec.type === 'category') {
    const index = new Map(orderedCodes(spec.values).map((code, place) => [code, place]))
    return {
      type: 'category',
      missing: { value: -1 },
      read: (text) => {
        const place = index.get(text) ?? index.get(plainCode(text))
        return place === undefined ? { value: -1, problem: 'unknownCategory' } : { value: place }
      },
    }
  }
  const [low, high] = spec.range
  return {
    type: 'number',
    missing: { value: Number.NaN },
    read: (text) => {
      const value = parseNumber(text)
      if (Number.isNaN(value)) return { value, problem: 'notNumber' }
      return value < low || value > high ? { value: Number.NaN, problem: 'outOfRange' } : { value }
    },
  }
}

/** Exports write codes as numbers in more than one way: `1`, `1.0`, `1.00` are one code. */
export const plainCode = (text: string): string => (Number.isNaN(parseNumber(text)) ? text : String(Number(text)))

function findingTally() {
  const found = new Map<string, LocalFinding>()
  return {
    note(code: FindingCode, severity: Finding['severity'], column?: string): void {
      const key = `${code}/${column ?? ''}`
      const records = (found.get(key)?.records ?? 0) + 1
      found.set(key, { code, severity, records, ...(column === undefined ? {} : { column }) })
    },
    all: () => [...found.values()],
  }
}

/** What only the whole table shows. */
function tableFindings(study: Study, table: TypedTable): LocalFinding[] {
  const findings: LocalFinding[] = []
  if (table.rows === 0) return [{ code: 'emptySplit', severity: 'error', records: 0 }]
  for (const [column, own] of Object.entries(table.columns)) {
    if (own.type === 'image') continue
    const { type, values } = own
    const present = (values as { filter(keep: (value: number) => boolean): ArrayLike<number> }).filter((value) =>
      type === 'number' ? !Number.isNaN(value) : value >= 0,
    )
    if (present.length === 0) findings.push({ code: 'allMissing', severity: 'warning', column, records: table.rows })
    else if (present.length < table.rows / 2)
      findings.push({ code: 'mostlyMissing', severity: 'warning', column, records: table.rows - present.length })
    else if (new Set(Array.from(present)).size === 1)
      findings.push({ code: 'constant', severity: 'warning', column, records: present.length })
  }
  const divided = dividedRecords(table)
  if ('column' in study.data.split && divided > 0)
    findings.push({ code: 'partMixed', severity: 'error', column: study.data.split.column, records: divided })
  if (classLabels(study.data.target).length > 0 && new Set(table.target).size < 2) {
    findings.push({ code: 'oneClass', severity: 'error', column: study.data.target.column, records: table.rows })
  }
  return findings
}

/** Records of patients who are in more than one part of a given split. */
function dividedRecords({ patients, parts = [] }: TypedTable): number {
  const partsOf = Map.groupBy(parts.keys(), (row) => patients[row])
  return [...partsOf.values()]
    .filter((rows) => new Set(rows.map((row) => parts[row])).size > 1)
    .reduce((sum, rows) => sum + rows.length, 0)
}
