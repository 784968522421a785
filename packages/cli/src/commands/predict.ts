/** `wardround predict MODEL DATA.csv`: a finished model on the records of a table. Pre-processing is inside the model. */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import { decodeModel } from '@wardround/core/graph/codec.ts'
import type { ValueInfo } from '@wardround/core/graph/ir.ts'
import { parseNumber } from '@wardround/core/numbers.ts'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import { parseConfig, readConfig } from '@wardround/site/config.ts'
import { tableRecords } from '@wardround/site/data/load.ts'
import { openModel } from '@wardround/site/training/session.ts'
import { readText } from '../homes.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import type { Runtime } from '../runtime.ts'

type Options = CommonOptions & { config?: string; out?: string }

const batchRows = 4096

/** Columns are called as in the study, or as --config (a site.yaml) says. Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED, WR_DATA_COLUMN, WR_DATA_VALUE. */
export async function predictCommand(
  _: Runtime,
  { args: [modelPath = '', file = ''], options }: { args: readonly string[]; options: Options },
): Promise<Outcome> {
  readText(modelPath)
  const bytes = new Uint8Array(readFileSync(modelPath))
  const { graph, metadata } = decodeModel(bytes)
  const run = await openModel(bytes)
  const config =
    options.config === undefined
      ? parseConfig(`data: { file: ${JSON.stringify(file)} }`, file)
      : { ...readConfig(options.config) }
  const located =
    options.config === undefined ? config : { ...config, data: { ...config.data, file: resolveFrom(file) } }
  const { columns, records } = await tableRecords(
    located,
    options.config === undefined ? process.cwd() : dirname(options.config),
  )
  const missing = graph.inputs.find(({ name }) => !columns.includes(name))
  if (missing !== undefined) throw new WardroundError('WR_DATA_COLUMN', { column: missing.name, available: columns })
  const predictions: number[][] = []
  let batch: Record<string, string | null>[] = []
  const flush = async (): Promise<void> => {
    if (batch.length > 0)
      predictions.push(...(await run(feedsOf(graph.inputs, { batch, file, from: predictions.length }))))
    batch = []
  }
  for await (const record of records) {
    batch.push(record)
    if (batch.length === batchRows) await flush()
  }
  await flush()
  const classes = (metadata.classes ?? '').split(',')
  const names = predictions[0]?.length === 1 ? ['prediction'] : classes
  if (options.out !== undefined)
    write(options.out, [['row', ...names], ...predictions.map((values, row) => [row + 1, ...values])])
  const data = {
    study: metadata.study,
    planHash: metadata.planHash,
    rows: predictions.length,
    columns: names,
    predictions,
  }
  return {
    data,
    lines:
      options.out === undefined
        ? [['row', ...names].join(','), ...predictions.map((values, row) => [row + 1, ...values].join(','))]
        : [cliWords.wrote(options.out)],
  }
}

const resolveFrom = (file: string): string => (file.startsWith('/') ? file : `${process.cwd()}/${file}`)

type Feeds = Readonly<Record<string, Float32Array | readonly string[]>>

/** Numbers as Float32 with NaN where missing, categories as text with '' where missing. */
function feedsOf(
  inputs: readonly ValueInfo[],
  { batch, file, from }: { batch: readonly Record<string, string | null>[]; file: string; from: number },
): Feeds {
  return Object.fromEntries(
    inputs.map(({ name, type }) => {
      if (type === 'string') return [name, batch.map((record) => record[name] ?? '')]
      const values = Float32Array.from(batch, (record, row) => {
        const text = record[name] ?? null
        const value = text === null ? Number.NaN : parseNumber(text)
        if (text !== null && Number.isNaN(value))
          throw new WardroundError('WR_DATA_VALUE', { file, line: from + row + 1, field: name, expected: 'a number' })
        return value
      })
      return [name, values]
    }),
  )
}

function write(path: string, rows: readonly (readonly (string | number)[])[]): void {
  try {
    writeFileSync(path, `${rows.map((row) => row.join(',')).join('\n')}\n`)
  } catch (error) {
    throw new WardroundError('WR_PERMISSION', { path, action: 'write' }, { cause: asWardroundError(error) })
  }
}
