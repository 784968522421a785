/**
 * One set of files that every system reads: FLamby's Fed-Heart-Disease (du Terrail et al. 2022), a CSV file a hospital.
 * FLamby drops slope, ca and thal, then every record with a missing value, and makes dummies of cp and restecg without the
 * first level; 740 records and 13 columns are left. z-scores are each system's own work, with that hospital's training records.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { splitPatients } from '@wardround/core/preparation/split.ts'
import { parseStudy } from '@wardround/core/protocol/plan.ts'
import type { Study } from '@wardround/core/study/study.ts'

/** FLamby's number of a centre → its original file and the name of the site. */
const centers = [
  { file: 'processed.cleveland.data', site: 'cleveland' },
  { file: 'processed.hungarian.data', site: 'budapest' },
  { file: 'processed.switzerland.data', site: 'zurich' },
  { file: 'processed.va.data', site: 'longbeach' },
] as const

/** In alphabetical order, as Wardround sums their updates. */
export const siteNames = centers.map(({ site }) => site).toSorted()

/** Names of the first ten columns of the original files; the last of all is num. */
const names = ['age', 'sex', 'cp', 'trestbps', 'chol', 'fbs', 'restecg', 'thalach', 'exang', 'oldpeak'] as const
/** The dummies of a column; the level that is left out is the first. */
const dummies: Readonly<Record<string, readonly number[]>> = { cp: [2, 3, 4], restecg: [1, 2] }

type Part = 'train' | 'test'
export type HeartRecord = {
  readonly part: Part
  readonly features: Readonly<Record<string, number>>
  readonly num: number
}

/** Writes `SITE.csv` for each hospital into `to`. Errors: WR_DATA_MISSING, WR_DATA_VALUE, WR_STUDY_INVALID. */
export function prepareData({ from, to, studyFile }: { from: string; to: string; studyFile: string }): void {
  const study = parseStudy(readText(studyFile), studyFile).study
  mkdirSync(to, { recursive: true })
  for (const [center, { site }] of centers.entries()) {
    writeFileSync(join(to, `${site}.csv`), csvOf(withPseudonyms(readCenter(from, center), study, site)))
  }
}

/** A centre's records in FLamby's split. */
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
    .map(([, sourceRow, part]) => recordOf(rows[Number(sourceRow)] ?? [], part === 'train' ? 'train' : 'test'))
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

export type NamedRecord = HeartRecord & { readonly patient: string }

/**
 * Wardround draws its test patients by a hash of the pseudonym. Pseudonyms are ours to give: handed out in the order of that
 * draw, they make Wardround's split FLamby's, patient for patient, and nothing in the product has to know of it.
 */
export function withPseudonyms(records: readonly HeartRecord[], study: Study, site: string): NamedRecord[] {
  const patients = records.map((_, index) => `case-${String(index + 1).padStart(3, '0')}`)
  const drawn = splitPatients({ patients, target: new Float32Array(records.length) }, study, site)
  const tests = records.filter(({ part }) => part === 'test').length
  if (drawn.test.length !== tests || drawn.validation.length > 0) {
    throw new WardroundError('WR_STUDY_INVALID', {
      field: 'data.split.test',
      problem: `${site} has ${tests} test records in FLamby's split, and the study draws ${drawn.test.length}`,
    })
  }
  const free = { train: [...drawn.training], test: [...drawn.test] }
  return records.map((record) => ({ ...record, patient: patients[free[record.part].shift() ?? -1] ?? '' }))
}

function csvOf(records: readonly NamedRecord[]): string {
  const columns = Object.keys(records[0]?.features ?? {})
  const lines = records.map(({ patient, part, features, num }) =>
    [patient, part, ...columns.map((column) => features[column]), num].join(','),
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
