/** What a site says of its training records before round 1. Anything about fewer patients than the minimum is null. */
import { type ColumnSpec, measuredOn, type Study, splitParts } from '../study/study.ts'
import { classLabels, orderedCodes, orderedColumns } from './encoding.ts'
import { levelsOf, repeatedImages } from './images.ts'
import type { CoarseHistogram, ColumnSurvey, Finding, Survey } from './schema.ts'
import type { Split } from './split.ts'
import type { LocalFinding, TypedColumn, TypedTable } from './table.ts'

export type SurveyInput = {
  readonly study: Study
  readonly table: TypedTable
  readonly findings: readonly LocalFinding[]
  readonly split: Split
  /** The larger of the study's and the site's own. */
  readonly minimumCohort: number
}

/** Fine bins that quantiles are made from, before they are widened. */
const fineBins = 256

export function surveyOf({ study, table, findings, split, minimumCohort }: SurveyInput): Survey {
  const people = (rows: Iterable<number>): number => new Set(Array.from(rows, (row) => table.patients[row])).size
  const hide = (count: number): number | null => (count < minimumCohort ? null : count)
  const byPart = (of: (rows: Int32Array) => number): Survey['patients'] => ({
    training: hide(of(split.training)),
    validation: hide(of(split.validation)),
    test: hide(of(split.test)),
  })
  const partsTooSmall = splitParts.filter(
    (part) => people(split[part]) < minimumCohort && !(part === 'validation' && measuredOn(study) === 'training'),
  )
  const cohort: Finding[] = partsTooSmall.includes('training')
    ? [{ code: 'tooFewPatients', severity: 'error' }]
    : partsTooSmall.length > 0
      ? [{ code: 'tooFewPatients', severity: 'warning' }]
      : []
  const cohorts = { people, minimumCohort }
  const columns = orderedColumns(study.data.columns).flatMap(([name, spec]): [string, ColumnSurvey][] => {
    const column = table.columns[name]
    return column === undefined ? [] : [[name, columnSurvey({ spec, column, table, rows: split.training }, cohorts)]]
  })
  const classes = classLabels(study.data.target).map((label, index): RowGroup => {
    return { label, rows: [...split.training.filter((row) => table.target[row] === index)] }
  })
  const target = toldGroups(classes, { people, minimumCohort }).map(({ label, rows }) => [
    label,
    rows === null ? null : people(rows),
  ])
  return {
    findings: [
      ...cohort,
      ...[...findings, ...repeatedImages(table, split)].map((finding) => told(finding, minimumCohort)),
    ],
    patients: byPart(people),
    records: byPart((rows) => (people(rows) < minimumCohort ? 0 : rows.length)),
    columns: Object.fromEntries(columns),
    target: Object.fromEntries(target),
  }
}

type Surveyed = {
  readonly spec: ColumnSpec
  readonly column: TypedColumn
  readonly table: TypedTable
  /** Training records. */
  readonly rows: Int32Array
}

function columnSurvey({ spec, column, table, rows: training }: Surveyed, cohorts: Cohort): ColumnSurvey {
  const { people, minimumCohort } = cohorts
  const hide = (count: number): number | null => (count < minimumCohort ? null : count)
  if (column.type === 'image') {
    const patients = people(training)
    const images = Array.from(training, (row) => column.images[row] ?? nothing)
    const channels = spec.type === 'image' ? spec.channels : 1
    return patients < minimumCohort ? hiddenImages : { ...levelsOf(images, channels), patients }
  }
  const rows = training.filter((row) =>
    column.type === 'number' ? !Number.isNaN(column.values[row]) : (column.values[row] ?? -1) >= 0,
  )
  const patients = people(rows)
  if (column.type === 'category' && spec.type === 'category') {
    const groups = orderedCodes(spec.values).map((label, index): RowGroup => {
      return { label, rows: [...rows.filter((row) => column.values[row] === index)] }
    })
    const counts = toldGroups(groups, cohorts).map(({ label, rows: own }) => [label, own?.length ?? null])
    return { type: 'category', patients: hide(patients), counts: Object.fromEntries(counts) }
  }
  if (patients < minimumCohort)
    return { type: 'number', patients: null, records: null, mean: null, m2: null, histogram: null }
  const values = Float64Array.from(rows, (row) => column.values[row] ?? 0)
  const range = spec.type === 'number' ? spec.range : ([0, 1] as const)
  const owners = Array.from(rows, (row) => table.patients[row] ?? '')
  const histogram = coarseHistogram({ values, owners, range }, minimumCohort)
  return { type: 'number', patients, records: values.length, ...moments(values), histogram }
}

const nothing = new Uint8Array()
const hiddenImages: ColumnSurvey = { type: 'image', patients: null, records: null, channels: null }

type RowGroup = { readonly label: string; readonly rows: readonly number[] }
type Cohort = { readonly people: (rows: Iterable<number>) => number; readonly minimumCohort: number }

/**
 * Groups whose rows may be counted; the others have null. The sum of what is hidden is the total less the rest, so it must be about the minimum of patients
 * as well: until it is, the smallest visible group is hidden too.
 */
function toldGroups(groups: readonly RowGroup[], { people, minimumCohort }: Cohort) {
  const hidden = new Set(groups.filter(({ rows }) => people(rows) < minimumCohort))
  const rising = groups.filter((group) => !hidden.has(group)).toSorted((a, b) => people(a.rows) - people(b.rows))
  for (const group of rising) {
    if (hidden.size === 0 || people([...hidden].flatMap(({ rows }) => rows)) >= minimumCohort) break
    hidden.add(group)
  }
  return groups.map((group) => ({ label: group.label, rows: hidden.has(group) ? null : group.rows }))
}

/** A finding as it may leave: without its count where that is small. */
function told({ records, ...finding }: LocalFinding, minimumCohort: number): Finding {
  return { ...finding, count: records < minimumCohort ? null : records }
}

/** Mean and sum of squared deviations, in two passes. */
function moments(values: Float64Array): { mean: number; m2: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return { mean, m2: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) }
}

/**
 * Counts of records in bins that each hold at least `minimum` patients. Edges come from a fixed grid over the plan's range, never from the
 * values; neighbours are joined, from the left, until they are large enough, and a small rest joins the last bin.
 */
export function coarseHistogram(
  {
    values,
    owners,
    range: [low, high],
  }: { values: Float64Array; owners: readonly string[]; range: readonly [number, number] },
  minimum: number,
): CoarseHistogram {
  const width = (high - low) / fineBins
  const fine = Array.from({ length: fineBins }, () => ({ count: 0, patients: new Set<string>() }))
  for (const [index, value] of values.entries()) {
    const bin = fine[Math.min(fineBins - 1, Math.max(0, Math.floor((value - low) / width)))]
    if (bin === undefined) continue
    bin.count += 1
    bin.patients.add(owners[index] ?? '')
  }
  const edges = [low]
  const counts: number[] = []
  let open = { count: 0, patients: new Set<string>() }
  for (const [index, bin] of fine.entries()) {
    open = { count: open.count + bin.count, patients: open.patients.union(bin.patients) }
    if (open.patients.size < minimum) continue
    edges.push(low + (index + 1) * width)
    counts.push(open.count)
    open = { count: 0, patients: new Set() }
  }
  if (open.count > 0 && counts.length > 0) counts[counts.length - 1] = (counts.at(-1) ?? 0) + open.count
  edges[edges.length - 1] = counts.length > 0 ? high : low
  return counts.length === 0 ? { edges: [], counts: [] } : { edges, counts }
}
