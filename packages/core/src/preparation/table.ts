/** A hospital's records as typed columns, with what preflight noticed on the way. Made row by row, so that text is not kept. */
import { parseNumber } from '../numbers.ts'
import {
  type ColumnSpec,
  type ImageColumn,
  type SplitPart,
  type Study,
  splitParts,
  type TargetSpec,
} from '../study/study.ts'
import {
  type CountedTarget,
  classLabels,
  countedTarget,
  imageColumn,
  type MaskTarget,
  maskLevels,
  orderedCodes,
  orderedColumns,
  specialColumns,
  targetColumns,
  targetRule,
} from './encoding.ts'
import { type FittedImage, haveSameProportions } from './fit-image.ts'
import type { Finding, FindingCode } from './schema.ts'

/** A record under the study's column names; null where the hospital's data says that it is missing. */
export type RawRecord = {
  readonly values: Readonly<Record<string, string | null>>
  /** Of the study's image columns, and of a target that is a mask. */
  readonly images?: Readonly<Record<string, RawImage>>
}
/** An image, or why there is none. */
export type RawImage = FittedImage | 'imageMissing' | 'imageUnreadable'

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
  /** 0 or 1 (of a survival target for an event, of a mask for anything but background), a class index, or a value. */
  readonly target: Float32Array<ArrayBuffer>
  /** Each row's, of a survival target: until when it was seen. */
  readonly times?: Float32Array<ArrayBuffer>
  /** Each row's, of a mask: its pixels' label indices [height, width]. */
  readonly masks?: readonly Uint8Array[]
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
  const outcomeOf = outcomeReader(study)
  const patients: string[] = []
  const target: number[] = []
  const times: number[] = []
  const masks: Uint8Array[] = []
  const partOf = partReader(study)
  const parts: SplitPart[] = []
  const seen = new Set<string>()
  return {
    add({ values, images = {} }) {
      const patient = values[study.data.patient] ?? null
      if (patient === null) return tally.note('patientMissing', 'warning', study.data.patient)
      const { label, time, mask, problem: unclear } = outcomeOf({ values, images })
      if (unclear !== undefined) return tally.note(...unclear)
      const { part, problem } = partOf(values)
      if (problem !== undefined) return tally.note(...problem)
      for (const { name } of imageColumns) {
        const image = images[name] ?? 'imageMissing'
        if (typeof image === 'string') return tally.note(image, 'warning', name)
      }
      for (const { name, images: own } of imageColumns) {
        const image = images[name]
        if (typeof image === 'object') own.push(image.levels)
      }
      if (part !== undefined) parts.push(part)
      patients.push(patient)
      target.push(label)
      if (time !== undefined) times.push(time)
      if (mask !== undefined) masks.push(mask)
      for (const reader of readers) {
        const text = values[reader.name] ?? null
        const { value, problem } = text === null ? reader.missing : reader.read(text)
        if (problem !== undefined) tally.note(problem, problem === 'outOfRange' ? 'warning' : 'error', reader.name)
        reader.values.push(value)
      }
      if (readers.length === 0) return
      const row = JSON.stringify([patient, label, time, readers.map((reader) => reader.values.at(-1))])
      if (seen.has(row)) tally.note('duplicateRows', 'warning')
      seen.add(row)
    },
    finish: () => {
      const table: TypedTable = {
        rows: patients.length,
        patients,
        target: Float32Array.from(target),
        ...('time' in study.data.target ? { times: Float32Array.from(times) } : {}),
        ...('mask' in study.data.target ? { masks } : {}),
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

type Outcome = {
  readonly label: number
  readonly time?: number
  readonly mask?: Uint8Array
  readonly problem?: Problem
}

/** What a record counts as, and of a survival target the time beside it, of a mask the mask; or the first column that does not say. */
function outcomeReader({ data: { target, columns } }: Study): (record: RawRecord) => Outcome {
  if ('mask' in target) return maskReader(target, columns)
  const counted = valueReader(countedTarget(target))
  if (!('time' in target)) return ({ values }) => counted(values)
  const timed = valueReader(target.time)
  return ({ values }) => {
    const { label: time, problem } = timed(values)
    return problem === undefined ? { ...counted(values), time } : { label: Number.NaN, problem }
  }
}

function maskReader(target: MaskTarget, columns: Study['data']['columns']): (record: RawRecord) => Outcome {
  const { column } = target
  const marked = imageColumn(columns)?.name ?? ''
  const indices = new Map(maskLevels(target).map((level, index) => [level, index]))
  return ({ images = {} }) => {
    const own = images[column] ?? 'imageMissing'
    if (typeof own === 'string') return { label: Number.NaN, problem: [own, 'warning', column] }
    const image = images[marked] ?? 'imageMissing'
    if (typeof image === 'object' && !haveSameProportions(own.from, image.from))
      return { label: Number.NaN, problem: ['maskProportions', 'error', column] }
    const { levels } = own
    if (levels.some((level) => !indices.has(level)))
      return { label: Number.NaN, problem: ['maskLevel', 'error', column] }
    const mask = levels.map((level) => indices.get(level) ?? 0)
    return { label: mask.some((index) => index > 0) ? 1 : 0, mask }
  }
}

function valueReader(target: CountedTarget): (values: RawRecord['values']) => Outcome {
  const rule = targetRule(target)
  return (values) => {
    const text = values[target.column] ?? null
    const label = text === null ? Number.NaN : rule(text)
    if (!Number.isNaN(label)) return { label }
    const code = text === null ? (['targetMissing', 'warning'] as const) : (['notNumber', 'error'] as const)
    return { label, problem: [...code, target.column] }
  }
}

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
  if (hasOneClass(study.data.target, table)) {
    const column = targetColumns(study.data.target).at(-1) ?? ''
    findings.push({ code: 'oneClass', severity: 'error', column, records: table.rows })
  }
  return findings
}

/** Where all have the event there is still who had it first, and where all are marked the places. */
const hasOneClass = (target: TargetSpec, table: TypedTable): boolean =>
  'time' in target || 'mask' in target
    ? !table.target.includes(1)
    : classLabels(target).length > 0 && new Set(table.target).size < 2

/** Records of patients who are in more than one part of a given split. */
function dividedRecords({ patients, parts = [] }: TypedTable): number {
  const partsOf = Map.groupBy(parts.keys(), (row) => patients[row])
  return [...partsOf.values()]
    .filter((rows) => new Set(rows.map((row) => parts[row])).size > 1)
    .reduce((sum, rows) => sum + rows.length, 0)
}
