/**
 * The eICU demo's stays as a hospital knows them after 24 hours: what was found on admission, the worst values of the first day (APACHE), and cuff
 * pressures in six windows of four hours. Nothing else is read: no APACHE score or prediction, no length of stay, no outcome of the unit, and
 * no number of measurements, which tells how long somebody lived.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { WardroundError } from '@wardround/core/errors.ts'
import { parseConfig } from '@wardround/site/config.ts'
import { csvConnector } from '@wardround/site/data/csv.ts'

export type Cells = Readonly<Record<string, string>>
export type Stay = {
  readonly patient: string
  readonly hospital: string
  readonly region: string
  readonly died: boolean
  /** Names of the studies' columns → cells; empty where nothing is known. */
  readonly cells: Cells
}

/** Where the data is expected: beside the repository. */
export const usualFolder = (): string =>
  resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'shared', 'data', 'eicu_demo')

/** Columns that are taken as they are: the studies' name → that of icu_stays.csv. */
const plain = {
  age: 'age',
  elective: 'pred_electivesurgery',
  ventilated: 'aps_vent',
  dialysis: 'aps_dialysis',
  eyes: 'aps_eyes',
  motor: 'aps_motor',
  verbal: 'aps_verbal',
  unscored: 'aps_meds',
  heart_rate: 'aps_heartrate',
  breathing_rate: 'aps_respiratoryrate',
  temperature: 'aps_temperature',
  worst_map: 'aps_meanbp',
  urine: 'aps_urine',
  leukocytes: 'aps_wbc',
  sodium: 'aps_sodium',
  hematocrit: 'aps_hematocrit',
  creatinine: 'aps_creatinine',
  albumin: 'aps_albumin',
  bun: 'aps_bun',
  glucose: 'aps_glucose',
  bilirubin: 'aps_bilirubin',
  saturation: 'exam_spo2',
  diabetes: 'pred_diabetes',
  sbp_min: 'nibp_sys_min24h',
  sbp_max: 'nibp_sys_max24h',
  map_min: 'nibp_map_min24h',
  map_mean: 'nibp_map_mean24h',
} as const

/** APACHE's chronic diseases that each have too few patients here to be a column of their own. */
const graveDiseases = [
  'hepaticfailure',
  'cirrhosis',
  'metastaticcancer',
  'lymphoma',
  'leukemia',
  'immunosuppression',
] as const

const sources: Readonly<Record<string, string>> = {
  'Emergency Department': 'emergency',
  'Operating Room': 'theatre',
  'Recovery Room': 'theatre',
  PACU: 'theatre',
  Floor: 'ward',
  'Acute Care/Floor': 'ward',
  'Step-Down Unit (SDU)': 'ward',
}

/** What a step of the series holds beside the pressures: the GRU's constants. */
const constants = [
  'age',
  'breathing_rate',
  'bun',
  'creatinine',
  'gcs',
  'heart_rate',
  'saturation',
  'temperature',
  'ventilated',
] as const
const pressures = ['dbp', 'map', 'sbp'] as const
export const windows = [0, 1, 2, 3, 4, 5] as const
const windowMinutes = 240

/** In the order of their names, so that `reshape: [6, 12]` of the inputs is windows of features. */
export const seriesColumns: readonly string[] = windows.flatMap((window) =>
  [...constants, ...pressures].toSorted().map((name) => `v${window}_${name}`),
)

/** Stays with a known outcome. Errors: WR_DATA_MISSING. */
export async function readStays(folder: string): Promise<Stay[]> {
  const means = windowMeans(folder)
  const file = join(folder, 'icu_stays.csv')
  const { columns, batches } = await csvConnector(file, parseConfig('data: { file: x.csv }', file).data)
  const stays: Stay[] = []
  for await (const batch of batches) {
    for (const { values } of batch) {
      const row = (name: string): string => values[columns.indexOf(name)] ?? ''
      if (row('hospital_mortality') === '') continue
      const cells = cellsOf(row)
      stays.push({
        patient: row('patient_id'),
        hospital: row('hospital_id'),
        region: row('region').toLowerCase(),
        died: row('hospital_mortality') === '1',
        cells: { ...cells, ...seriesOf(cells, means.get(row('stay_id'))) },
      })
    }
  }
  return stays
}

type Row = (name: string) => string

function cellsOf(row: Row): Cells {
  const taken = Object.entries(plain).map(([name, column]) => [name, row(column)])
  const gcs = [row('aps_eyes'), row('aps_motor'), row('aps_verbal')]
  const before = Number(row('hours_in_hospital_before_unit') || Number.NaN)
  const grave = graveDiseases.map((disease) => row(`pred_${disease}`))
  return {
    ...Object.fromEntries(taken),
    sex: row('gender').toLowerCase(),
    source: sources[row('unit_admit_source')] ?? (row('unit_admit_source') === '' ? '' : 'elsewhere'),
    again: Number(row('unit_visit_number')) > 1 ? '1' : '0',
    grave_disease: grave.includes('1') ? '1' : grave.includes('') ? '' : '0',
    // From minutes to half a year: the logarithm. Times before zero are errors of a clock or of a year.
    log_hours_before: before >= 0 ? Math.log10(1 + before).toFixed(3) : '',
    gcs: gcs.includes('') ? '' : String(gcs.reduce((sum, part) => sum + Number(part), 0)),
  }
}

type Window = { readonly counts: number[]; readonly sums: number[] }
type Means = ReadonlyMap<string, readonly Window[]>

/** A window without a measurement has that of the one before; nobody can tell from it when a stay ended. */
function seriesOf(cells: Cells, known: readonly Window[] | undefined): Cells {
  const series: Record<string, string> = {}
  const last: Record<string, string> = {}
  for (const window of windows) {
    for (const name of constants) series[`v${window}_${name}`] = cells[name] ?? ''
    for (const [index, name] of pressures.entries()) {
      const count = known?.[window]?.counts[index] ?? 0
      if (count > 0) last[name] = ((known?.[window]?.sums[index] ?? 0) / count).toFixed(1)
      series[`v${window}_${name}`] = last[name] ?? ''
    }
  }
  return series
}

/** Physiology, as in icu_stays.csv: what is outside is an artefact. */
const plausible: readonly (readonly [number, number])[] = [
  [10, 200],
  [20, 250],
  [40, 300],
]

/** Cuff pressures of the first 24 hours in the unit, by stay. */
function windowMeans(folder: string): Means {
  const [header = '', ...lines] = unpacked(join(folder, 'tables', 'vitalaperiodic.csv.gz'))
    .trim()
    .split('\n')
  const names = header.trim().split(',')
  const at = (name: string): number => names.indexOf(name)
  const columns = [at('noninvasivediastolic'), at('noninvasivemean'), at('noninvasivesystolic')]
  const [stayAt, offsetAt] = [at('patientunitstayid'), at('observationoffset')]
  const found = new Map<string, Window[]>()
  for (const line of lines) {
    const cells = line.trim().split(',')
    const minutes = Number(cells[offsetAt])
    if (!(minutes >= 0 && minutes < windows.length * windowMinutes)) continue
    const stay = cells[stayAt] ?? ''
    const own = found.get(stay) ?? windows.map(() => ({ counts: [0, 0, 0], sums: [0, 0, 0] }))
    found.set(stay, own)
    const window = own[Math.floor(minutes / windowMinutes)]
    for (const [index, column] of columns.entries()) add(window, index, cells[column])
  }
  return found
}

function add(window: Window | undefined, index: number, cell = ''): void {
  const value = Number(cell)
  const [low, high] = plausible[index] ?? [0, 0]
  if (window === undefined || cell === '' || value < low || value > high) return
  window.counts[index] = (window.counts[index] ?? 0) + 1
  window.sums[index] = (window.sums[index] ?? 0) + value
}

function unpacked(file: string): string {
  try {
    return gunzipSync(readFileSync(file)).toString('utf8')
  } catch (cause) {
    throw new WardroundError('WR_DATA_MISSING', { file }, { cause })
  }
}
