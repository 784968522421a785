/** From a hospital's file to the typed table of a study: its names, units, codes and missing texts become the study's. */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { parseNumber } from '@wardround/core/numbers.ts'
import { countedTarget, specialColumns } from '@wardround/core/preparation/encoding.ts'
import { type LocalFinding, type RawImage, type TypedTable, tableBuilder } from '@wardround/core/preparation/table.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { configWords } from '@wardround/core/words/en/config.ts'
import type { ColumnConfig, FolderOfImages, PackedImages, SiteConfig } from '../config.ts'
import type { Connector, SourceRecord } from './connector.ts'
import { csvConnector } from './csv.ts'
import { type ImageReader, imagePaths, imageReaders, imagesIn, type Keep, unfitColumn } from './images/readers.ts'
import { conversion, unchanged } from './units.ts'

export type LoadOptions = {
  readonly config: SiteConfig /** Of site.yaml. */
  readonly folder: string
  readonly study: Study
  /** Where decoded images are kept for the next time; absent: nowhere. */
  readonly keep?: Keep | undefined
}
export type Loaded = { readonly table: TypedTable; readonly findings: readonly LocalFinding[] }

/** From a record's number and cells to the study's value, or null where it is missing. */
type Reader = (line: number, cells: readonly string[]) => string | null

/** Errors: those of the connector; WR_CONFIG for units that cannot be converted. What is wrong with the values becomes findings. */
export async function loadTable({ config, folder, study, keep }: LoadOptions): Promise<Loaded> {
  const file = resolve(folder, config.data.file)
  const { columns, decimal, batches } = await csvConnector(file, config.data)
  const images = await imageReaders({ config, folder, keep }, study.data, columns)
  const pictures = new Set(imagesIn(study.data).map(({ name }) => name))
  const wanted = [...specialColumns(study), ...Object.keys(study.data.columns)].filter((name) => !pictures.has(name))
  const readers = new Map(
    wanted.flatMap((name): [string, Reader][] => {
      const reader = readerFor(name, { config, study, columns, decimal })
      return reader === undefined ? [] : [[name, reader]]
    }),
  )
  const builder = tableBuilder(study, new Set([...readers.keys(), ...images.map(({ name }) => name)]))
  let number = 0
  for await (const batch of batches) {
    const rows = await imagesOf(images, batch, number)
    for (const [index, { values }] of batch.entries()) {
      number += 1
      const own = Object.fromEntries([...readers].map(([name, read]) => [name, read(number, values)]))
      builder.add({ values: own, images: rows[index] ?? {} })
    }
  }
  for (const reader of images) reader.close()
  if (number === 0) throw new WardroundError('WR_DATA_EMPTY', { file })
  const { table, findings } = builder.finish()
  return {
    table,
    findings: config.data.oneOutcome
      ? findings.map((found) => (found.code === 'oneClass' ? { ...found, severity: 'warning' } : found))
      : findings,
  }
}

/** Each record's images. `before` are the records before this batch. */
async function imagesOf(
  readers: readonly ImageReader[],
  batch: readonly SourceRecord[],
  before: number,
): Promise<readonly Readonly<Record<string, RawImage>>[]> {
  const columns = await Promise.all(
    readers.map(async ({ name, images }) => ({ name, images: await images(batch, before) })),
  )
  return batch.map((_, row) =>
    Object.fromEntries(columns.map(({ name, images }) => [name, images[row] ?? 'imageMissing'])),
  )
}

/** undefined where this hospital has no such column. */
function readerFor(
  name: string,
  { config, study, columns, decimal }: { config: SiteConfig; study: Study } & Pick<Connector, 'columns' | 'decimal'>,
): Reader | undefined {
  const own: ColumnConfig = config.columns[name] ?? { column: name }
  if ('rowNumber' in own) return (line) => `row-${line}`
  if ('folder' in own || 'packed' in own) throw unfitColumn(name, configWords.images())
  const index = columns.indexOf(own.column)
  if (index < 0) return undefined
  const unit = numberUnit(study, name)
  const read = cellReader(name, { own, config, decimal, kind: unit === undefined ? 'code' : 'number', unit })
  return (_, cells) => read(cells[index] ?? '')
}

/** A column whose cells are what they say, rather than the name of something else. */
type TextColumn = Exclude<ColumnConfig, { rowNumber: true } | FolderOfImages | PackedImages>

/** What names an image is read as text: whoever wants the image asks images/readers.ts. */
const textColumn = (own: Exclude<ColumnConfig, { rowNumber: true }>): TextColumn =>
  'folder' in own || 'packed' in own ? { column: own.column ?? '' } : own

type CellOptions = {
  readonly own: TextColumn
  readonly config: SiteConfig
  readonly decimal: '.' | ','
  /** `either`: nobody has said yet; what looks like a number with a decimal comma is read as one. */
  readonly kind: 'number' | 'code' | 'either'
  /** What numbers are wanted in; undefined: as they are. */
  readonly unit: string | undefined
}

function cellReader(name: string, { own, config, decimal, kind, unit }: CellOptions): (cell: string) => string | null {
  const missing = new Set(['', ...config.data.missing, ...('missing' in own ? (own.missing ?? []) : [])])
  const codes = 'codes' in own ? own.codes : undefined
  const { unit: from, factor } = { unit: undefined, factor: undefined, ...own }
  const converted =
    kind === 'code' || (unit === undefined && factor === undefined)
      ? unchanged
      : conversion(name, { from, to: unit ?? '', factor })
  return (cell) => {
    if (missing.has(cell) || (kind !== 'code' && missing.has(String(parseNumber(cell))))) return null
    const code = codes?.[cell] ?? cell
    if (kind === 'code') return code
    const comma = decimal === ',' && (kind === 'number' || /^[+-]?\d+,\d+$/.test(code))
    const text = comma ? withPoint(code) : code
    return converted === unchanged ? text : convertedText(text, converted)
  }
}

/** The unit in which the study reads a column as a number; undefined where it reads codes. */
function numberUnit({ data }: Study, name: string): string | undefined {
  const column = data.columns[name]
  if (column !== undefined) return column.type === 'number' ? column.unit : undefined
  if ('mask' in data.target) return undefined
  const counted = countedTarget(data.target)
  const target = 'time' in data.target && name === data.target.time.column ? data.target.time : counted
  if (name !== target.column) return undefined
  if ('range' in target) return target.unit
  return 'positive' in target && !target.positive.startsWith('in ') ? '1' : undefined
}

/** `1,5` → `1.5`. Where the decimal sign is a comma, `1.234` could mean two things: it is no number. */
const withPoint = (text: string): string => (text.includes('.') ? notNumber : text.replace(',', '.'))
const notNumber = 'not a number'

/** Text that is no number stays as it is, for preflight to name. */
function convertedText(text: string, { factor, offset }: { factor: number; offset: number }): string {
  const value = parseNumber(text)
  return Number.isNaN(value) ? text : String(value * factor + offset)
}

/** Changes when the file does, a file of packed images, or what is in a folder of images. Asked before each task, and answered sooner than another thread would be. Errors: WR_DATA_MISSING. */
export function fingerprint(config: SiteConfig, folder: string): string {
  const file = resolve(folder, config.data.file)
  try {
    const { mtimeMs, size } = statSync(file)
    const images = imagePaths(config, folder).map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)
    return [file, mtimeMs, size, ...images, JSON.stringify(config)].join(' ')
  } catch (error) {
    throw new WardroundError('WR_DATA_MISSING', { file }, { cause: error })
  }
}

/**
 * Every record of a table by column name, null where missing, for what has no study at hand: drafts and predictions. `units` says what a
 * column's numbers are wanted in; others stay as they are.
 */
export async function tableRecords(
  config: SiteConfig,
  folder: string,
  units: Readonly<Record<string, string>> = {},
): Promise<{ columns: readonly string[]; records: AsyncIterable<Record<string, string | null>> }> {
  const { columns: source, decimal, batches } = await csvConnector(resolve(folder, config.data.file), config.data)
  const named = new Map(
    Object.entries(config.columns).flatMap(([name, own]) =>
      'column' in own && own.column !== undefined ? [[own.column, { name, own: textColumn(own) }]] : [],
    ),
  )
  const readers = source.map((column) => {
    const { name, own } = named.get(column) ?? { name: column, own: { column } }
    return { name, read: cellReader(name, { own, config, decimal, kind: 'either', unit: units[name] }) }
  })
  async function* records(): AsyncGenerator<Record<string, string | null>> {
    for await (const batch of batches) {
      for (const { values } of batch)
        yield Object.fromEntries(readers.map(({ name, read }, index) => [name, read(values[index] ?? '')]))
    }
  }
  return { columns: readers.map(({ name }) => name), records: records() }
}
