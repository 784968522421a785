/** From a typed table and the preparation to model inputs: the same at every site. */
import { inputWidth, type Preparation, type PreparedColumn, widthOf } from './schema.ts'
import type { TypedTable } from './table.ts'

export type ModelInputs = {
  /** [rows, width], row-major. */
  readonly features: Float32Array<ArrayBuffer>
  readonly rows: number
  readonly width: number
  readonly target: Float32Array<ArrayBuffer>
  readonly patients: readonly string[]
}

/** Mean and deviation of number columns, by name. */
export type Scales = Readonly<Record<string, { readonly mean: number; readonly standardDeviation: number }>>

/** The scales to use: the federation's, or this site's own training records' after missing values are filled. */
export function scalesFor(preparation: Preparation, table: TypedTable, trainingRows: Int32Array): Scales {
  return Object.fromEntries(
    preparation.columns
      .filter((column) => column.type === 'number')
      .map((column) => [
        column.name,
        preparation.normalise === 'global' ? column : ownScale(column, table, trainingRows),
      ]),
  )
}

function ownScale(
  column: Extract<PreparedColumn, { type: 'number' }>,
  table: TypedTable,
  rows: Int32Array,
): Scales[string] {
  const values = Float64Array.from(rows, (row) => numberAt(table, column, row))
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const standardDeviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
  return { mean, standardDeviation: standardDeviation > 0 ? standardDeviation : 1 }
}

/** Missing values are filled, numbers become z-scores, categories dummies. A column that the table lacks is all missing. */
export function transform(
  table: TypedTable,
  preparation: Preparation,
  { rows, scales }: { rows: Int32Array; scales: Scales },
): ModelInputs {
  const width = inputWidth(preparation)
  const features = new Float32Array(rows.length * width)
  let offset = 0
  for (const column of preparation.columns) {
    for (const [index, row] of rows.entries()) {
      const at = index * width + offset
      if (column.type === 'number') {
        const { mean, standardDeviation } = scales[column.name] ?? column
        features[at] = (numberAt(table, column, row) - mean) / standardDeviation
      } else {
        const code = categoryAt(table, column, row)
        if (code > 0) features[at + code - 1] = 1
      }
    }
    offset += widthOf(column)
  }
  return {
    features,
    rows: rows.length,
    width,
    target: Float32Array.from(rows, (row) => table.target[row] ?? 0),
    patients: Array.from(rows, (row) => table.patients[row] ?? ''),
  }
}

function numberAt(table: TypedTable, column: Extract<PreparedColumn, { type: 'number' }>, row: number): number {
  const value = table.columns[column.name]?.values[row] ?? Number.NaN
  return Number.isNaN(value) ? column.fill : value
}

function categoryAt(table: TypedTable, column: Extract<PreparedColumn, { type: 'category' }>, row: number): number {
  const code = table.columns[column.name]?.values[row] ?? -1
  return code < 0 ? column.codes.indexOf(column.fill) : code
}
