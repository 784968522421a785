/**
 * Who is tested, who validates, who is trained on: as the hospital's own column says, or drawn. Drawn by patient, so that nobody is on two sides; by a
 * hash of the patient and the study's seed, so that the order of the file and the number of hospitals do not matter.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { DrawnSplit, SplitPart, Study } from '../study/study.ts'
import type { TypedTable } from './table.ts'

/** Rows of each part, in file order. */
export type Split = Readonly<Record<SplitPart, Int32Array<ArrayBuffer>>>

type Splittable = Pick<TypedTable, 'patients' | 'target' | 'parts'>

/** `site` names the stream: the same patient identifier at two hospitals is two draws. */
export function splitPatients(table: Splittable, study: Study, site: string): Split {
  const { split } = study.data
  const parts = 'column' in split ? table.parts : drawnParts(table, split, { study, site })
  const rowsOf = (wanted: SplitPart): Int32Array<ArrayBuffer> =>
    Int32Array.from(table.patients.flatMap((_, row) => (parts?.[row] === wanted ? [row] : [])))
  return { training: rowsOf('training'), validation: rowsOf('validation'), test: rowsOf('test') }
}

/** Each row's part, by a draw over the patients. */
function drawnParts(
  table: Splittable,
  split: DrawnSplit,
  { study, site }: { study: Study; site: string },
): readonly (SplitPart | undefined)[] {
  const stratified = split.stratify === 'target' && !('range' in study.data.target)
  const part = new Map<string, SplitPart>()
  for (const patients of strata(table, stratified)) {
    const drawn = patients
      .map((patient) => ({ patient, key: drawKey([study.seed, 'split', site, patient]) }))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    const tests = Math.round(split.test * drawn.length)
    const validations = Math.round(split.validation * drawn.length)
    for (const [index, { patient }] of drawn.entries()) {
      part.set(patient, index < tests ? 'test' : index < tests + validations ? 'validation' : 'training')
    }
  }
  return table.patients.map((patient) => part.get(patient))
}

/** Patients by class; a patient with several records belongs to the highest class among them (positive, if any is). */
function strata({ patients, target }: Splittable, stratified: boolean): string[][] {
  const classOf = new Map<string, number>()
  for (const [row, patient] of patients.entries()) {
    classOf.set(patient, stratified ? Math.max(classOf.get(patient) ?? 0, target[row] ?? 0) : 0)
  }
  const groups = Map.groupBy(classOf.keys(), (patient) => classOf.get(patient))
  return [...groups.values()]
}

const drawKey = (labels: readonly (string | number)[]): string =>
  bytesToHex(sha256(new TextEncoder().encode(JSON.stringify(labels))))
