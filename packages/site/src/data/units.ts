/** From a hospital's unit to the study's, for the pairs that differ between countries. Others are given as a factor in site.yaml. */
import { WardroundError } from '@wardround/core/errors.ts'
import { configWords } from '@wardround/core/words/en/config.ts'

/** y = factor · x + offset. */
export type Conversion = { readonly factor: number; readonly offset: number }
export const unchanged: Conversion = { factor: 1, offset: 0 }

/** Molar mass matters: these hold for the named analyte only. mg/dL per mmol/L, or per µmol/L. */
const analytes: readonly {
  readonly names: RegExp
  readonly mass: string
  readonly molar: string
  readonly factor: number
}[] = [
  // Cholesterol, 386.65 g/mol.
  { names: /chol|hdl|ldl/i, mass: 'mg/dL', molar: 'mmol/L', factor: 38.665 },
  // Glucose, 180.156 g/mol.
  { names: /gluc|sugar/i, mass: 'mg/dL', molar: 'mmol/L', factor: 18.0156 },
  // Creatinine, 113.12 g/mol.
  { names: /crea/i, mass: 'mg/dL', molar: 'umol/L', factor: 0.011312 },
]

/** Pairs that hold whatever is measured. */
const general: Readonly<Record<string, Conversion>> = {
  '[degF]>Cel': { factor: 5 / 9, offset: -160 / 9 },
  'Cel>[degF]': { factor: 9 / 5, offset: 32 },
  '[lb_av]>kg': { factor: 0.45359237, offset: 0 },
  'kg>[lb_av]': { factor: 1 / 0.45359237, offset: 0 },
  '[in_i]>cm': { factor: 2.54, offset: 0 },
  'cm>[in_i]': { factor: 1 / 2.54, offset: 0 },
  'm>cm': { factor: 100, offset: 0 },
  'cm>m': { factor: 0.01, offset: 0 },
  'mo>a': { factor: 1 / 12, offset: 0 },
  'a>mo': { factor: 12, offset: 0 },
  'kPa>mm[Hg]': { factor: 7.50062, offset: 0 },
  'mm[Hg]>kPa': { factor: 1 / 7.50062, offset: 0 },
  'g>mg': { factor: 1000, offset: 0 },
  'mg>g': { factor: 0.001, offset: 0 },
}

/** Errors: WR_CONFIG where the pair is not known for this column. */
export function conversion(
  column: string,
  { from, to, factor }: { from?: string | undefined; to: string; factor?: number | undefined },
): Conversion {
  if (factor !== undefined) return { factor, offset: 0 }
  if (from === undefined || from === to) return unchanged
  const analyte = analytes.find(
    ({ names, mass, molar }) => names.test(column) && [mass, molar].includes(from) && [mass, molar].includes(to),
  )
  if (analyte !== undefined) return { factor: from === analyte.molar ? analyte.factor : 1 / analyte.factor, offset: 0 }
  const known = general[`${from}>${to}`]
  if (known === undefined)
    throw new WardroundError('WR_CONFIG', {
      file: 'site.yaml',
      field: `columns.${column}.unit`,
      problem: configWords.unknownUnits(from, to),
    })
  return known
}
