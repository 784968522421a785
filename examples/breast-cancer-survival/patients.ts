/** The patients of Fed-TCGA-BRCA as their regions know them: age and 38 yes-or-no findings, how long they were observed and whether they died then, and their part of the published split. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import { parseConfig } from '@wardround/site/config.ts'
import { csvConnector } from '@wardround/site/data/csv.ts'

export const regions = ['canada', 'europe', 'midwest', 'northeast', 'south', 'west'] as const
export type Region = (typeof regions)[number]

export type Patient = {
  readonly id: string
  readonly region: Region
  readonly part: 'training' | 'test'
  readonly days: number
  readonly died: boolean
  /** In the order of `inputs`. */
  readonly findings: readonly string[]
}

/** Where the data is expected: beside the repository. */
export const usualFolder = (): string =>
  resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'shared', 'data', 'tcga_brca')

const file = 'tcga_brca_6centers.csv'
export const isThere = (folder: string): boolean => existsSync(join(folder, file))

/** The study's columns → those of the file: FLamby's 39 inputs. */
const columnOf = {
  age: 'age_at_index',
  not_hispanic: 'ethnicity_not_hispanic_or_latino',
  ethnicity_unknown: 'ethnicity_not_reported',
  asian: 'race_asian',
  black: 'race_black_or_african_american',
  race_unknown: 'race_not_reported',
  white: 'race_white',
  metastases_unknown: 'ajcc_pathologic_m_MX',
  n0_no_cells: 'ajcc_pathologic_n_N0_(i-)',
  n1: 'ajcc_pathologic_n_N1',
  n1a: 'ajcc_pathologic_n_N1a',
  n2: 'ajcc_pathologic_n_N2',
  n2a: 'ajcc_pathologic_n_N2a',
  stage_1a: 'ajcc_pathologic_stage_Stage_IA',
  stage_2a: 'ajcc_pathologic_stage_Stage_IIA',
  stage_2b: 'ajcc_pathologic_stage_Stage_IIB',
  stage_3a: 'ajcc_pathologic_stage_Stage_IIIA',
  stage_3c: 'ajcc_pathologic_stage_Stage_IIIC',
  t1c: 'ajcc_pathologic_t_T1c',
  t2: 'ajcc_pathologic_t_T2',
  t3: 'ajcc_pathologic_t_T3',
  edition_5: 'ajcc_staging_system_edition_5th',
  edition_6: 'ajcc_staging_system_edition_6th',
  edition_7: 'ajcc_staging_system_edition_7th',
  breast_unspecified: 'icd_10_code_C50.9',
  morphology_ductal: 'morphology_8500/3',
  morphology_lobular: 'morphology_8520/3',
  diagnosis_ductal: 'primary_diagnosis_Infiltrating_duct_carcinoma,_NOS',
  diagnosis_lobular: 'primary_diagnosis_Lobular_carcinoma,_NOS',
  earlier_cancer: 'prior_malignancy_yes',
  second_cancer_unknown: 'synchronous_malignancy_Not_Reported',
  treatment_unknown: 'treatment_or_therapy_not_reported',
  treated: 'treatment_or_therapy_yes',
  tumour_stage_1: 'tumor_stage_stage_i',
  tumour_stage_1a: 'tumor_stage_stage_ia',
  tumour_stage_2a: 'tumor_stage_stage_iia',
  tumour_stage_2b: 'tumor_stage_stage_iib',
  tumour_stage_3a: 'tumor_stage_stage_iiia',
  tumour_stage_3c: 'tumor_stage_stage_iiic',
} as const

export const inputs: readonly string[] = Object.keys(columnOf)

/** Errors: WR_DATA_MISSING. */
export async function readPatients(folder: string): Promise<Patient[]> {
  const path = join(folder, file)
  if (!isThere(folder)) throw new WardroundError('WR_DATA_MISSING', { file: path })
  const { columns, batches } = await csvConnector(path, parseConfig('data: { file: x.csv }', path).data)
  const patients: Patient[] = []
  for await (const batch of batches)
    for (const { values } of batch) {
      const cell = (name: string): string => values[columns.indexOf(name)] ?? ''
      patients.push({
        id: cell('pid'),
        region: regionOf(cell('region')),
        part: cell('fold') === 'test' ? 'test' : 'training',
        days: Number(cell('time_days')),
        died: cell('event') === '1',
        findings: Object.values(columnOf).map(cell),
      })
    }
  return patients
}

function regionOf(name: string): Region {
  const found = regions.find((region) => region === name.toLowerCase())
  if (found === undefined) throw new WardroundError('WR_INTERNAL', { what: `no region ${name}` })
  return found
}
