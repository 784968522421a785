/** From a typed table and the preparation to model inputs: the same at every site. */
import { type Levels, ownLevels } from './images.ts'
import type { ModelInputs, PixelScale } from './inputs.ts'
import { imageOf, inputWidth, type Preparation, type PreparedColumn, type PreparedImage, widthOf } from './schema.ts'
import type { TypedTable } from './table.ts'

/** Mean and deviation of number columns, by name, and of an image's channels. */
export type Scales = {
  readonly numbers: Readonly<Record<string, { readonly mean: number; readonly standardDeviation: number }>>
  readonly image?: Levels
}

/** The scales to use: the federation's, or this site's own training records' after missing values are filled. */
export function scalesFor(preparation: Preparation, table: TypedTable, trainingRows: Int32Array): Scales {
  const isGlobal = preparation.normalise === 'global'
  const numbers = Object.fromEntries(
    preparation.columns
      .filter((column) => column.type === 'number')
      .map((column) => [column.name, isGlobal ? column : ownScale(column, table, trainingRows)]),
  )
  const image = imageOf(preparation)
  if (image === undefined) return { numbers }
  const own = (): Levels => ownLevels(imagesAt(table, image, trainingRows), image.extents[0])
  return { numbers, image: isGlobal || trainingRows.length === 0 ? image : own() }
}

/** Levels of the images of some rows. A table without the column has none. */
function imagesAt(table: TypedTable, { name }: PreparedImage, rows: Int32Array): readonly Uint8Array[] {
  const column = table.columns[name]
  return column?.type === 'image' ? Array.from(rows, (row) => column.images[row] ?? noImage) : []
}
const noImage = new Uint8Array()

function ownScale(
  column: Extract<PreparedColumn, { type: 'number' }>,
  table: TypedTable,
  rows: Int32Array,
): Scales['numbers'][string] {
  const values = Float64Array.from(rows, (row) => numberAt(table, column, row))
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const standardDeviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
  return { mean, standardDeviation: standardDeviation > 0 ? standardDeviation : 1 }
}

/** Missing values are filled, numbers become z-scores, categories dummies; images stay as they are. A column that the table lacks is all missing. */
export function transform(
  table: TypedTable,
  preparation: Preparation,
  { rows, scales }: { rows: Int32Array; scales: Scales },
): ModelInputs {
  const width = inputWidth(preparation)
  const image = imageOf(preparation)
  const features =
    image === undefined
      ? tabular(table, preparation, { rows, scales, width })
      : joined(imagesAt(table, image, rows), rows.length * width)
  return {
    features,
    rows: rows.length,
    width,
    ...(image === undefined ? {} : { extents: image.extents, pixelScale: scaleOf(scales.image ?? image) }),
    ...targetOf(table, rows),
    ...masksOf(table, rows),
    patients: Array.from(rows, (row) => table.patients[row] ?? ''),
  }
}

function masksOf({ masks }: TypedTable, rows: Int32Array): Pick<ModelInputs, 'masks'> {
  if (masks === undefined) return {}
  const own = Array.from(rows, (row) => masks[row] ?? noImage)
  return { masks: joined(own, rows.length * (own[0]?.length ?? 0)) }
}

function targetOf({ target, times }: TypedTable, rows: Int32Array): Pick<ModelInputs, 'target' | 'targetWidth'> {
  if (times === undefined) return { target: Float32Array.from(rows, (row) => target[row] ?? 0) }
  const both = new Float32Array(rows.length * 2)
  for (const [index, row] of rows.entries()) both.set([times[row] ?? 0, target[row] ?? 0], index * 2)
  return { target: both, targetWidth: 2 }
}

const scaleOf = ({ mean, standardDeviation }: Levels): PixelScale => ({
  mean: Float32Array.from(mean),
  deviation: Float32Array.from(standardDeviation),
})

function joined(images: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const levels = new Uint8Array(length)
  let at = 0
  for (const image of images) {
    levels.set(image, at)
    at += image.length
  }
  return levels
}

/** [rows, width] */
function tabular(
  table: TypedTable,
  preparation: Preparation,
  { rows, scales, width }: { rows: Int32Array; scales: Scales; width: number },
): Float32Array<ArrayBuffer> {
  const features = new Float32Array(rows.length * width)
  let offset = 0
  for (const column of preparation.columns) {
    for (const [index, row] of rows.entries()) {
      const at = index * width + offset
      if (column.type === 'number') {
        const { mean, standardDeviation } = scales.numbers[column.name] ?? column
        features[at] = (numberAt(table, column, row) - mean) / standardDeviation
      } else if (column.type === 'category') {
        const code = categoryAt(table, column, row)
        if (code > 0) features[at + code - 1] = 1
      }
    }
    offset += widthOf(column)
  }
  return features
}

function numberAt(table: TypedTable, column: Extract<PreparedColumn, { type: 'number' }>, row: number): number {
  const own = table.columns[column.name]
  const value = own?.type === 'number' ? (own.values[row] ?? Number.NaN) : Number.NaN
  return Number.isNaN(value) ? column.fill : value
}

function categoryAt(table: TypedTable, column: Extract<PreparedColumn, { type: 'category' }>, row: number): number {
  const own = table.columns[column.name]
  const code = own?.type === 'category' ? (own.values[row] ?? -1) : -1
  return code < 0 ? column.codes.indexOf(column.fill) : code
}
