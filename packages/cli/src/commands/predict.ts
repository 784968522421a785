/** `wardround predict MODEL DATA.csv`: a finished model on the records of a table. Pre-processing is inside the model. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { decodeModel } from '@wardround/core/graph/decode-model.ts'
import type { Graph, ValueInfo } from '@wardround/core/graph/ir.ts'
import { parseNumber } from '@wardround/core/numbers.ts'
import { maskLevels } from '@wardround/core/preparation/encoding.ts'
import type { Size } from '@wardround/core/preparation/fit-image.ts'
import { plainCode } from '@wardround/core/preparation/table.ts'
import { maskLabelsSchema } from '@wardround/core/study/study.ts'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import { parseConfig, readConfig, type SiteConfig } from '@wardround/site/config.ts'
import { tableRecords } from '@wardround/site/data/load.ts'
import { type ColumnValues, openModel } from '@wardround/site/training/open-model.ts'
import { z } from 'zod'
import { outFolder, readText, writeOut } from '../homes.ts'
import { type CellRecord, imageInputs, type WantedImages, wantedImages } from '../image-inputs.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import { maskWriter } from '../predicted-masks.ts'
import type { Runtime } from '../runtime.ts'

type Options = CommonOptions & { config?: string; out?: string; masks?: string }

const batchRows = 4096
/** What a network makes of an image on its way is many times as much. */
const batchImages = 64

/**
 * Columns are called as in the study, or as --config (a site.yaml) says. Cells are read as at a hospital that trains. Errors: WR_GRAPH_INVALID,
 * WR_GRAPH_REFUSED, WR_CONFIG, WR_DATA_EMPTY, WR_DATA_COLUMN, WR_DATA_VALUE; WR_USAGE where a model marks images and nobody says where the masks are to go.
 */
export async function predictCommand(
  _: Runtime,
  { args: [modelPath = '', file = ''], options }: { args: readonly string[]; options: Options },
): Promise<Outcome> {
  readText(modelPath)
  const bytes = new Uint8Array(readFileSync(modelPath))
  const { graph, metadata } = decodeModel(bytes)
  const run = await openModel(bytes)
  const given = { units: unitsIn(metadata), images: imagesIn(metadata) }
  const told = tellerFor(graph, { metadata, images: given.images, folder: options.masks })
  const predictions: (readonly (number | string)[])[] = []
  for await (const { feeds, sizes } of batchesOf(graph, given, { file, configPath: options.config }))
    predictions.push(...told.rows(await run(feeds), { before: predictions.length, sizes }))
  if (predictions.length === 0) throw new WardroundError('WR_DATA_EMPTY', { file })
  const columns = told.columns(predictions[0]?.length ?? 0)
  const lines = [['row', ...columns], ...predictions.map((values, row) => [row + 1, ...values])].map((row) =>
    row.join(','),
  )
  if (options.out !== undefined) writeOut(options.out, `${lines.join('\n')}\n`)
  const { study, planHash } = metadata
  return {
    data: { study, planHash, rows: predictions.length, columns, predictions },
    lines: options.out === undefined ? lines : [cliWords.wrote(options.out)],
  }
}

/** What is told of each record. */
type Teller = {
  /** By how many values there are of a record. */
  columns(values: number): readonly string[]
  rows(predictions: readonly (readonly number[])[], of: Rows): readonly (readonly (number | string)[])[]
}

/** `before` are the records before these; by column, the size that each one's image came in. */
type Rows = { readonly before: number; readonly sizes: Readonly<Record<string, readonly Size[]>> }

type Told = { readonly metadata: Metadata; readonly images: WantedImages; readonly folder: string | undefined }

function tellerFor({ outputs }: Graph, { metadata, images, folder }: Told): Teller {
  const levels = maskLevelsIn(metadata)
  if (levels === undefined)
    return {
      columns: (values) => (values === 1 ? ['prediction'] : classesIn(metadata)),
      rows: (predictions) => predictions,
    }
  if (folder === undefined)
    throw new WardroundError('WR_USAGE', { problem: cliWords.masksNowhere(), command: 'predict' })
  const [[column = '', form] = []] = Object.entries(images)
  if (form === undefined)
    throw new WardroundError('WR_GRAPH_INVALID', { problem: 'its metadata name no image to mark' })
  const extents = outputs[0]?.shape.slice(1).map(Number) ?? []
  const write = maskWriter(outFolder(folder), { levels, extents, fit: form.fit })
  return {
    columns: () => ['mask', ...levels.map(String)],
    rows: (predictions, { before, sizes }) =>
      predictions.map((values, row) => {
        const size = sizes[column]?.[row]
        if (size === undefined) throw new RangeError('a prediction without its image')
        return write(values, { record: before + row, size })
      }),
  }
}

type Units = Readonly<Record<string, string>>

type Metadata = Readonly<Record<string, string>>

/** Column → the unit in which the model wants its numbers, where its file says so. Errors: WR_GRAPH_INVALID. */
const unitsIn = ({ units = '{}' }: Metadata): Units => parsedAs(z.record(z.string(), z.string()), units)

/** The classes that its outputs stand for. Errors: WR_GRAPH_INVALID. */
const classesIn = ({ classes = '[]' }: Metadata): readonly string[] => parsedAs(z.array(z.string()), classes)

/** Of a model that marks images, the grey level of each label. Errors: WR_GRAPH_INVALID. */
const maskLevelsIn = ({ mask }: Metadata): readonly number[] | undefined =>
  mask === undefined ? undefined : maskLevels({ mask: parsedAs(maskLabelsSchema, mask) })

/** Column → what its images are brought to. Errors: WR_GRAPH_INVALID. */
const imagesIn = ({ images = '{}' }: Metadata): WantedImages => parsedAs(wantedImages, images)

function parsedAs<T extends z.ZodType>(schema: T, text: string): z.output<T> {
  try {
    return schema.parse(JSON.parse(text))
  } catch (error) {
    throw new WardroundError('WR_GRAPH_INVALID', { problem: 'its metadata is damaged' }, { cause: error })
  }
}

type Given = { readonly units: Units; readonly images: WantedImages }

type Source = { readonly file: string; readonly configPath: string | undefined }

/** A table as inputs of the model, some thousand records at a time. */
async function* batchesOf(graph: Graph, { units, images }: Given, { file, configPath }: Source) {
  const given =
    configPath === undefined ? parseConfig(`data: { file: ${JSON.stringify(file)} }`, file) : readConfig(configPath)
  const config = { ...given, data: { ...given.data, file: resolve(file) } }
  requireKnownUnits(config, graph, { units, file: configPath ?? '' })
  const { columns, records } = await tableRecords(config, dirname(config.data.file), units)
  const pictures = await imageInputs(images, config, dirname(configPath ?? config.data.file))
  const missing = graph.inputs.find(({ name }) => !columns.includes(name) && !pictures.needNoColumn.has(name))
  if (missing !== undefined) throw new WardroundError('WR_DATA_COLUMN', { column: missing.name, available: columns })
  const readers = graph.inputs.filter(({ name }) => !Object.hasOwn(images, name)).map((input) => readerOf(input, graph))
  const firstLine = config.data.header === undefined ? 2 : 1
  const batchAt = async (batch: readonly CellRecord[], before: number): Promise<Batch> => {
    const place = { file, line: firstLine + before, before }
    const shown = Object.entries(await pictures.images(batch, place))
    return {
      feeds: {
        ...feedsOf(readers, batch, place),
        ...Object.fromEntries(shown.map(([name, { levels }]) => [name, levels])),
      },
      sizes: Object.fromEntries(shown.map(([name, own]) => [name, own.sizes])),
    }
  }
  const mostRows = Object.keys(images).length === 0 ? batchRows : batchImages
  let before = 0
  let batch: CellRecord[] = []
  for await (const record of records) {
    batch.push(record)
    if (batch.length < mostRows) continue
    yield await batchAt(batch, before)
    before += batch.length
    batch = []
  }
  if (batch.length > 0) yield await batchAt(batch, before)
}

/** A number in an unknown unit would be taken for one in the study's, and nobody would notice. Errors: WR_CONFIG. */
function requireKnownUnits(
  { columns }: SiteConfig,
  { inputs }: Graph,
  { units, file }: { units: Units; file: string },
): void {
  const unknown = inputs.find(({ name, type }) => {
    const own = { unit: undefined, factor: undefined, ...columns[name] }
    return type !== 'string' && own.unit !== undefined && own.factor === undefined && units[name] === undefined
  })
  if (unknown === undefined) return
  const problem = 'the model does not say in which unit it wants this column; give a factor instead of a unit'
  throw new WardroundError('WR_CONFIG', { file, field: `columns.${unknown.name}.unit`, problem })
}

/** An input with how its cells are read. */
type InputReader =
  | { readonly name: string; readonly type: 'number'; read(text: string | null): number | undefined }
  | { readonly name: string; readonly type: 'code'; read(text: string | null): string }

/** As preparation reads them. */
function readerOf({ name, type }: ValueInfo, { initializers }: Graph): InputReader {
  if (type !== 'string') {
    const read = (text: string | null): number | undefined => {
      const value = text === null ? Number.NaN : parseNumber(text)
      return text !== null && Number.isNaN(value) ? undefined : value
    }
    return { name, type: 'number', read }
  }
  const codes = new Set<unknown>(initializers.find((tensor) => tensor.name === `${name}/codes`)?.data)
  return { name, type: 'code', read: (text) => (text === null || codes.has(text) ? (text ?? '') : plainCode(text)) }
}

type Feeds = Readonly<Record<string, ColumnValues>>
type Batch = Pick<Rows, 'sizes'> & { readonly feeds: Feeds }

/** Numbers as Float32 with NaN where missing, categories as text with '' where missing. `line` is that of the first record. */
function feedsOf(
  readers: readonly InputReader[],
  batch: readonly CellRecord[],
  { file, line }: { file: string; line: number },
): Feeds {
  return Object.fromEntries(
    readers.map((reader) => {
      const { name } = reader
      if (reader.type === 'code') return [name, batch.map((record) => reader.read(record[name] ?? null))]
      const values = Float32Array.from(batch, (record, row) => {
        const value = reader.read(record[name] ?? null)
        if (value === undefined)
          throw new WardroundError('WR_DATA_VALUE', { file, line: line + row, field: name, expected: 'a number' })
        return value
      })
      return [name, values]
    }),
  )
}
