/**
 * FLamby's Fed-Heart-Disease (du Terrail et al. 2022), a CSV file a hospital, for whatever benchmark reads it. FLamby drops slope, ca and thal, then
 * every record with a missing value, and makes dummies of cp and restecg without the first level; 740 records and 13 columns are left. z-scores are
 * each system's own work, with that hospital's training records.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'

/** FLamby's number of a centre → its original file and the name of the site. */
const centers = [
  { file: 'processed.cleveland.data', site: 'cleveland' },
  { file: 'processed.hungarian.data', site: 'budapest' },
  { file: 'processed.switzerland.data', site: 'zurich' },
  { file: 'processed.va.data', site: 'longbeach' },
] as const

/** In FLamby's order. */
export const centerSites: readonly string[] = centers.map(({ site }) => site)
/** In alphabetical order, as Wardround sums their updates. */
export const siteNames = centerSites.toSorted()

/** Names of the first ten columns of the original files; the last of all is num. */
const names = ['age', 'sex', 'cp', 'trestbps', 'chol', 'fbs', 'restecg', 'thalach', 'exang', 'oldpeak'] as const
/** The dummies of a column; the level that is left out is the first. */
const dummies: Readonly<Record<string, readonly number[]>> = { cp: [2, 3, 4], restecg: [1, 2] }

type Part = 'training' | 'test'
export type HeartRecord = {
  readonly part: Part
  readonly features: Readonly<Record<string, number>>
  readonly num: number
}

/** Where the UCI files and FLamby's split are expected: beside the repository. */
export const usualFolder = (): string =>
  resolve(dirname(dirname(fileURLToPath(import.meta.url))), '..', 'shared', 'data', 'heart_disease')

/** Writes `SITE.csv` for each hospital into `to`. Errors: WR_DATA_MISSING, WR_STUDY_INVALID. */
export function writeCenters({ from, to }: { from: string; to: string }): void {
  mkdirSync(to, { recursive: true })
  for (const [center, site] of centerSites.entries())
    writeFileSync(join(to, `${site}.csv`), csvOf(readCenter(from, center)))
}

/** A centre's records in FLamby's split. Errors: WR_DATA_MISSING, WR_STUDY_INVALID. */
export function readCenter(folder: string, center: number): HeartRecord[] {
  const file = join(folder, 'original', centers[center]?.file ?? '')
  const rows = readText(file)
    .split('\n')
    .map((line) => line.trim().split(','))
  const [, ...splitRows] = readText(join(folder, 'flamby_split.csv'))
    .split('\n')
    .map((line) => line.trim().split(','))
  return splitRows
    .filter(([of]) => of === String(center))
    .map(([, sourceRow, part]) => recordOf(rows[Number(sourceRow)] ?? [], part === 'train' ? 'training' : 'test'))
}

function recordOf(fields: readonly string[], part: Part): HeartRecord {
  const features: Record<string, number> = {}
  for (const [index, name] of names.entries()) {
    const value = numberOf(fields[index], name)
    const levels = dummies[name]
    if (levels === undefined) features[name] = value
    else for (const level of levels) features[`${name}_${level}`] = value === level ? 1 : 0
  }
  return { part, features, num: numberOf(fields.at(-1), 'num') }
}

function numberOf(text: string | undefined, name: string): number {
  const value = text === undefined || text === '' ? Number.NaN : Number(text)
  if (Number.isNaN(value)) {
    throw new WardroundError('WR_STUDY_INVALID', {
      field: name,
      problem: 'not a number in a record of the FLamby split',
    })
  }
  return value
}

/** A table as a study with `split: { column: part }` reads it; one record is one patient. */
export function csvOf(records: readonly HeartRecord[]): string {
  const columns = Object.keys(records[0]?.features ?? {})
  const lines = records.map(({ part, features, num }, index) =>
    [`case-${String(index + 1).padStart(3, '0')}`, part, ...columns.map((column) => features[column]), num].join(','),
  )
  return `${[['patient_id', 'part', ...columns, 'num'].join(','), ...lines].join('\n')}\n`
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new WardroundError('WR_DATA_MISSING', { file }, { cause })
  }
}
