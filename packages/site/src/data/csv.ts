/** CSV as hospitals export it: byte-order marks, semicolons, decimal commas, missing headers. Errors name line and column, never a value. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { WardroundError } from '@wardround/core/errors.ts'
import { parseNumber } from '@wardround/core/numbers.ts'
import { configWords } from '@wardround/core/words/en/config.ts'
import { CsvError, parse } from 'csv-parse'
import type { SiteConfig } from '../config.ts'
import type { Connector, SourceRecord } from './connector.ts'
import { guessDecimal, guessDelimiter } from './dialect.ts'

const batchSize = 1000
const sampleBytes = 64 << 10

/** Errors: WR_DATA_MISSING, WR_DATA_EMPTY, WR_DATA_UNREADABLE, WR_PERMISSION. */
export async function csvConnector(file: string, config: SiteConfig['data']): Promise<Connector> {
  const sample = await readSample(file, config.encoding)
  if (sample.trim() === '') throw new WardroundError('WR_DATA_EMPTY', { file })
  const delimiter = config.delimiter ?? guessDelimiter(sample, config.header?.length)
  const decimal = config.decimal ?? guessDecimal(sample, delimiter)
  const rows = parsedRows(file, { ...config, delimiter })
  if (config.header !== undefined)
    return {
      columns: unique(file, config.header),
      decimal,
      batches: batched(rows, { file, width: config.header.length, header: true }),
    }
  const first = await rows.next()
  if (first.done === true) throw new WardroundError('WR_DATA_EMPTY', { file })
  const columns = unique(file, namesIn(file, first.value))
  return { columns, decimal, batches: batched(rows, { file, width: columns.length, header: false }) }
}

async function readSample(file: string, encoding: SiteConfig['data']['encoding']): Promise<string> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR')
      throw new WardroundError('WR_DATA_MISSING', { file }, { cause: error })
    throw new WardroundError('WR_PERMISSION', { path: file, action: 'read' }, { cause: error })
  })
  try {
    if ((await handle.stat()).isDirectory()) throw unreadable(file, configWords.folder())
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(sampleBytes), 0, sampleBytes, 0)
    const bytes = buffer.subarray(0, bytesRead)
    const found = notText(bytes)
    if (found !== undefined) throw unreadable(file, configWords.notText(found))
    return bytes.toString(encoding === 'latin1' ? 'latin1' : 'utf8')
  } finally {
    await handle.close()
  }
}

/** Files that are often taken for CSV, by their first bytes. */
function notText(bytes: Uint8Array): Parameters<typeof configWords.notText>[0] | undefined {
  const starts = (...expected: number[]): boolean => expected.every((byte, index) => bytes[index] === byte)
  if (starts(0x50, 0x4b, 0x03, 0x04) || starts(0xd0, 0xcf, 0x11, 0xe0)) return 'spreadsheet'
  if (starts(0x1f, 0x8b)) return 'compressed'
  if (starts(0xff, 0xfe) || starts(0xfe, 0xff)) return 'utf-16'
  return bytes.includes(0) ? 'binary' : undefined
}

async function* parsedRows(
  file: string,
  { encoding, delimiter }: { encoding: 'utf-8' | 'latin1'; delimiter: string },
): AsyncGenerator<SourceRecord> {
  const parser = parse({
    bom: true,
    delimiter,
    encoding: encoding === 'latin1' ? 'latin1' : 'utf8',
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
    info: true,
    max_record_size: 1 << 20,
  })
  const input = createReadStream(file)
  input.on('error', (error) => parser.destroy(error))
  try {
    for await (const { record, info } of input.pipe(parser) as AsyncIterable<{
      record: string[]
      info: { lines: number }
    }>) {
      // The decoder puts this where bytes are not UTF-8.
      if (record.some((cell) => cell.includes('\uFFFD'))) throw unreadable(file, configWords.encoding(), info.lines)
      yield { line: info.lines, values: record }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    // The parser's own error holds the record, so it is not kept as a cause.
    throw unreadable(file, csvProblem(error.code), Number(error.lines) || 0)
  } finally {
    input.destroy()
  }
}

async function* batched(
  rows: AsyncIterable<SourceRecord>,
  { file, width, header }: { file: string; width: number; header: boolean },
): AsyncGenerator<readonly SourceRecord[]> {
  let batch: SourceRecord[] = []
  for await (const row of rows) {
    if (row.values.length !== width) {
      const words = header ? configWords.headerLength : configWords.ragged
      throw unreadable(file, words(row.values.length, width), row.line)
    }
    batch.push(row)
    if (batch.length < batchSize) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** A first line of numbers is a record: its cells must not be taken for names, which messages may tell. */
function namesIn(file: string, { line, values }: SourceRecord): readonly string[] {
  const named = values.filter((name) => name !== '')
  const numbers = named.filter((name) => !Number.isNaN(parseNumber(name.replace(',', '.')))).length
  if (named.length === 0 || numbers * 2 >= named.length) throw unreadable(file, configWords.noHeader(), line)
  return values
}

/** Columns without a name, as an index or a delimiter at the end makes them, cannot be asked for and may be several. */
function unique(file: string, names: readonly string[]): readonly string[] {
  const twice = names.find((name, index) => name !== '' && names.indexOf(name) !== index)
  if (twice !== undefined) throw unreadable(file, configWords.duplicateColumn(twice), 1)
  return names
}

const unreadable = (file: string, problem: string, line = 0): WardroundError =>
  new WardroundError('WR_DATA_UNREADABLE', { file, line, problem })

const csvProblem = (code: string): string =>
  code === 'CSV_MAX_RECORD_SIZE' ? configWords.tooLong() : /QUOTE/.test(code) ? configWords.quote() : configWords.csv()
