/** A hospital's table: CSV in any dialect, to the typed table of a study (packages/site/src/data). The first line names one of a few site.yaml. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig, type SiteConfig } from '@wardround/site/config.ts'
import { loadTable, tableRecords } from '@wardround/site/data/load.ts'
import fc from 'fast-check'
import { parsedPlan } from '../../../packages/coordinator/src/testing/study.ts'
import { type Boundary, type Bytes, bytesOf, type Outcome } from '../boundary.ts'

const configs: readonly SiteConfig[] = [
  'data: { file: data.csv }',
  'data: { file: data.csv, header: [who, ill, age], missing: ["?", -9] }',
  'data: { file: data.csv, delimiter: ";", decimal: "," }\ncolumns: { age: { column: AGE, factor: 2, missing: [0] } }',
  'data: { file: data.csv, encoding: latin1 }\ncolumns: { who: { rowNumber: true }, ill: { column: ILL, codes: { y: 1 } } }',
].map((text) => parseConfig(text, 'site.yaml'))

const cell = fc.oneof(
  fc.constantFrom('', '0', '1', '45', '1,5', '1.5', '?', '-9', 'y', '"a,b"', '"a""b"', '"a\nb"', 'é', '1e9'),
  fc.string({ maxLength: 6 }),
  fc.double().map(String),
)
const tables = fc
  .record({
    config: fc.nat(configs.length - 1),
    bom: fc.constantFrom('', '\uFEFF'),
    delimiter: fc.constantFrom(',', ';', '\t', '|'),
    end: fc.constantFrom('\n', '\r\n', '\r'),
    head: fc.constantFrom(['who', 'ill', 'age'], ['who', 'ILL', 'AGE'], ['1', '0', '45'], ['who', 'ill', 'age', '']),
    rows: fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { maxLength: 8 }),
  })
  .map(({ config, bom, delimiter, end, head, rows }) =>
    bytesOf(`${config}\n${bom}${[head, ...rows].map((row) => row.join(delimiter)).join(end)}${end}`),
  )

/** A number that is no configuration stands for the first. */
function parts(input: Bytes): { config: SiteConfig; table: Bytes } {
  const end = input.indexOf(0x0a)
  const [first] = configs
  if (first === undefined) throw new Error('There are no configurations.')
  const line = new TextDecoder().decode(input.subarray(0, Math.max(0, end)))
  return { config: configs[Number(line)] ?? first, table: input.slice(end + 1) }
}

const table = (config: number, text: string): Bytes => bytesOf(`${config}\n${text}`)

export const csv: Boundary = {
  name: 'csv',
  codes: ['WR_DATA_EMPTY', 'WR_DATA_UNREADABLE', 'WR_DATA_VALUE', 'WR_DATA_COLUMN', 'WR_CONFIG'],
  seeds: [
    table(0, 'who,ill,age\na,1,45\nb,0,50\n'),
    table(1, 'a,1,45\nb,?,-9\n'),
    table(2, 'who;ill;AGE\r\na;1;"45,5"\r\nb;0;\r\n'),
    table(3, 'ILL,age\ny,45\n"n",1e3\n'),
  ],
  documents: tables,
  mutators: [],
  words: ['"', '""', ',', ';', '\t', '|', '\r\n', '\n', '\uFEFF', 'who', 'ill', 'age', 'NaN', '1,5', '=1+1'],
  sources: /packages\/site\/src\/data\/|packages\/core\/src\/preparation\/table\.ts|node_modules\/csv-parse\//,
  open() {
    const folder = mkdtempSync(join(tmpdir(), 'wardround-fuzz-'))
    const { study } = parsedPlan()
    return {
      async take(input): Promise<Outcome> {
        const { config, table: content } = parts(input)
        writeFileSync(join(folder, 'data.csv'), content)
        await loadTable({ config, folder, study })
        const { records } = await tableRecords(config, folder, { age: 'a' })
        for await (const record of records) if (typeof record !== 'object') throw new Error('a record is none')
        return 'accepted'
      },
      close: () => rmSync(folder, { recursive: true, force: true }),
    }
  },
}
