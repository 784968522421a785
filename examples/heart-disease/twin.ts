/**
 * The synthetic twin: four files in the form of the UCI ones, drawn from summary.json alone. Within a hospital and a diagnosis
 * the columns are independent. It shows that everything works where the real files cannot be had; it says nothing about medicine.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { permutation, type Random, seededRandom } from '@wardround/core/random.ts'
import { columns, hospitals, numberColumns } from './files.ts'
import summaryData from './summary.json' with { type: 'json' }
import { type Group, type Summary, summarySchema } from './summary-schema.ts'

const summary = summarySchema.parse(summaryData)

/** The text of each file, by its UCI name. The same seed gives the same bytes on every machine. */
export function twinFiles(seed: number): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(hospitals).map(([hospital, file]) => {
      const random = seededRandom([seed, 'twin', hospital])
      const known = summary.hospitals[hospital]
      const rows = known === undefined ? [] : rowsOf(known, random)
      const order = permutation(rows.length, random)
      return [file, `${Array.from(order, (row) => rows[row]).join('\n')}\n`]
    }),
  )
}

/** Writes the four files into a folder that exists. */
export function writeTwin(folder: string, seed: number): void {
  for (const [file, text] of twinFiles(seed)) writeFileSync(join(folder, file), text)
}

function rowsOf(hospital: Summary['hospitals'][string], random: Random): string[] {
  return hospital.patients.flatMap((count, num) => {
    const side = num === 0 ? 'without' : 'with'
    return Array.from({ length: count }, () =>
      columns.map((column) => (column === 'num' ? num : cellOf(column, { hospital, side, random }))).join(','),
    )
  })
}

type From = {
  readonly hospital: Summary['hospitals'][string]
  readonly side: 'without' | 'with'
  readonly random: Random
}

/** slope, ca and thal are in no study here: always missing. */
function cellOf(column: string, { hospital, side, random }: From): string {
  const missing = hospital.missing[column]
  if (missing === undefined) return '?'
  const draw = random.uniform()
  if (draw < missing.questionMark) return '?'
  if (draw < missing.questionMark + missing.zero) return '0'
  const [own, all] = [hospital.groups[side], summary.everywhere[side]]
  return column in own.codes ? codeOf(column, [own, all], random) : numberOf(column, [own, all], random)
}

function codeOf(column: string, groups: readonly Group[], random: Random): string {
  const shares = Object.entries(firstKnown(groups.map(({ codes }) => codes[column])) ?? {})
  // Rounded shares may sum to a little more or less than 1.
  let left = random.uniform() * shares.reduce((sum, [, share]) => sum + share, 0)
  for (const [code, share] of shares) {
    left -= share
    if (left < 0) return code
  }
  return shares.at(-1)?.[0] ?? '?'
}

function numberOf(column: string, groups: readonly Group[], random: Random): string {
  const known = firstKnown(groups.map(({ numbers }) => numbers[column]))
  if (known === undefined) return '?'
  const value = known.mean + known.standardDeviation * nearlyNormal(random)
  const digits = numberColumns[column] ?? 0
  // An ST depression is rarely negative, and nothing else ever is.
  return String(Number(Math.max(0, value).toFixed(digits)))
}

const firstKnown = <T>(values: readonly (T | null | undefined)[]): T | undefined =>
  values.find((value) => value !== null && value !== undefined) ?? undefined

/** Irwin and Hall's sum of twelve uniforms, less six: mean 0, variance 1, within ±6, from additions alone, which are exact everywhere. */
const nearlyNormal = (random: Random): number =>
  Array.from({ length: 12 }, () => random.uniform()).reduce((a, b) => a + b, -6)
