import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import fc from 'fast-check'
import { parseConfig } from '../config.ts'
import { allRows, coded, connectorSuite, type Open, type Rows } from './connector.suite.ts'
import { csvConnector } from './csv.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-csv-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0

/** `settings` as they would stand under `data:` in site.yaml. */
function connectorTo(content: string | Uint8Array, settings = ''): Open {
  const file = `${files++}.csv`
  writeFileSync(join(folder, file), content)
  return opener(file, settings)
}
const opener = (file: string, settings = ''): Open => {
  const { data } = parseConfig(`data: { file: ${file}${settings === '' ? '' : `, ${settings}`} }`, 'site.yaml')
  return () => csvConnector(join(folder, file), data)
}

const cell = (text: string): string => `"${text.replaceAll('"', '""')}"`
const csv = (columns: readonly string[], rows: Rows): string =>
  [columns, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('')

connectorSuite({
  name: 'csv',
  create: (columns, rows) => connectorTo(csv(columns, rows)),
  absent: opener('nowhere.csv'),
})

const expected = {
  columns: ['who', 'age', 'weight'],
  rows: [
    ['Ä', '41', '70.5'],
    ['b', '', '81.25'],
  ],
}
const base = 'who,age,weight\nÄ,41,70.5\nb,,81.25\n'
const semicolons = base.replaceAll(',', ';')
const commas = semicolons.replaceAll('.', ',')

/** The same two records, as programs in different countries write them. */
const dialects: Readonly<Record<string, readonly [content: string | Uint8Array, settings?: string]>> = {
  plain: [base],
  'no last line feed': [base.slice(0, -1)],
  'Windows line ends': [base.replaceAll('\n', '\r\n')],
  'a byte order mark': [`\uFEFF${base}`],
  'blank lines': [base.replaceAll('\n', '\n\n')],
  'blanks around cells': [base.replaceAll(',', ' , ')],
  'everything quoted': ['"who","age","weight"\n"Ä","41","70.5"\n"b","","81.25"\n'],
  semicolons: [semicolons],
  'a delimiter that is said': [semicolons, 'delimiter: ";"'],
  tabs: [base.replaceAll(',', '\t')],
  'tabs that are said': [base.replaceAll(',', '\t'), 'delimiter: "\\t"'],
  bars: [base.replaceAll(',', '|')],
  'latin-1': [Buffer.from(base, 'latin1'), 'encoding: latin1'],
  'latin-1, semicolons, Windows line ends': [
    Buffer.from(semicolons.replaceAll('\n', '\r\n'), 'latin1'),
    'encoding: latin1',
  ],
  'no line of names': [base.slice(base.indexOf('\n') + 1), 'header: [who, age, weight]'],
}
for (const [name, [content, settings]] of Object.entries(dialects)) {
  test(`csv: ${name}`, async () => {
    const connector = connectorTo(content, settings)
    const { columns, decimal } = await connector()
    assert.deepEqual({ columns, decimal }, { columns: expected.columns, decimal: '.' })
    assert.deepEqual(await allRows(connector), expected.rows)
  })
}

test('csv: decimal commas are noticed, and left to the reader of numbers', async () => {
  const connector = connectorTo(commas)
  assert.equal((await connector()).decimal, ',')
  assert.deepEqual(await allRows(connector), [
    ['Ä', '41', '70,5'],
    ['b', '', '81,25'],
  ])
  assert.equal((await connectorTo(commas, 'decimal: "."')()).decimal, '.')
  assert.equal((await connectorTo(semicolons, 'decimal: ","')()).decimal, ',')
  assert.equal((await connectorTo('a,b\n"1,5",2\n')()).decimal, '.', 'a comma divides fields here')
  assert.equal((await connectorTo('a;b\n1,5;2.5\n')()).decimal, '.', 'both signs: not guessed')
})

test('csv: a delimiter is not mistaken for one that stands inside fields', async () => {
  const notes = 'who;note\na;"x, y, z"\nb;one, two\nc;three, four\n'
  assert.deepEqual((await connectorTo(notes)()).columns, ['who', 'note'])
  const decimals = 'a;b;c\n1,5;2,5;3,5\n4,5;5,5;6,5\n'
  assert.deepEqual((await connectorTo(decimals)()).columns, ['a', 'b', 'c'])
  assert.deepEqual((await connectorTo('age\n41\n42\n')()).columns, ['age'])
})

test('csv: a column without a name, as an index or a delimiter at the end makes one, is no fault', async () => {
  assert.deepEqual((await connectorTo(',who,age\n0,a,41\n')()).columns, ['', 'who', 'age'])
  assert.deepEqual(await allRows(connectorTo('who;age;\na;41;\n')), [['a', '41', '']])
})

/** What hospitals' files are like on a bad day. Each is an error with a code, the file's name and, where there is one, the line. */
const faults: readonly (readonly [
  name: string,
  content: string | Uint8Array,
  error: { code: string; line?: number; problem?: RegExp },
  settings?: string,
])[] = [
  ['empty', '', { code: 'WR_DATA_EMPTY' }],
  ['blank lines only', '\n\n\n', { code: 'WR_DATA_EMPTY' }],
  ['a row too short', 'who,age\na,1\nb\n', { code: 'WR_DATA_UNREADABLE', line: 3, problem: /1 cells/ }],
  ['a row too long', 'who,age\na,1\nb,2,3\n', { code: 'WR_DATA_UNREADABLE', line: 3, problem: /3 cells/ }],
  ['other names than columns', 'a,1\n', { code: 'WR_DATA_UNREADABLE', line: 1 }, 'header: [who, age, sex]'],
  ['two columns of one name', 'who,age,who\na,1,b\n', { code: 'WR_DATA_UNREADABLE', line: 1, problem: /called who/ }],
  ['no line of names', '63,1,145\n67,0,160\n', { code: 'WR_DATA_UNREADABLE', line: 1, problem: /data.header/ }],
  ['a quotation mark never closed', 'who,age\n"a,1\nb,2\n', { code: 'WR_DATA_UNREADABLE', problem: /quotation mark/ }],
  ['a stray quotation mark', 'who,age\na"b,1\n', { code: 'WR_DATA_UNREADABLE', line: 2, problem: /quotation mark/ }],
  ['text behind a quoted field', 'who,age\n"a"b,1\n', { code: 'WR_DATA_UNREADABLE', line: 2, problem: /quotation/ }],
  ['latin-1 taken for UTF-8', Buffer.from(base, 'latin1'), { code: 'WR_DATA_UNREADABLE', problem: /latin1/ }],
  ['UTF-16', Buffer.from(`\uFEFF${base}`, 'utf16le'), { code: 'WR_DATA_UNREADABLE', problem: /UTF-16/ }],
  ['a spreadsheet', Uint8Array.of(0x50, 0x4b, 3, 4, 20, 0), { code: 'WR_DATA_UNREADABLE', problem: /spreadsheet/ }],
  ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0), { code: 'WR_DATA_UNREADABLE', problem: /compressed/ }],
  ['zeros', new Uint8Array(100), { code: 'WR_DATA_UNREADABLE', problem: /not a text file/ }],
  ['one endless record', `who,age\n"${'x'.repeat(3 << 20)}`, { code: 'WR_DATA_UNREADABLE', problem: /1 MiB/ }],
]
for (const [name, content, { code, line, problem }, settings] of faults) {
  test(`csv: ${name} is refused by name`, async () => {
    const connector = connectorTo(content, settings)
    await assert.rejects(allRows(connector), (error: unknown) => {
      assert.ok(error instanceof WardroundError, String(error))
      assert.equal(error.code, code)
      assert.equal(error.parameters.file, join(folder, `${files - 1}.csv`))
      if (line !== undefined) assert.equal(error.parameters.line, line)
      if (problem !== undefined) assert.match(String(error.parameters.problem), problem)
      return true
    })
  })
}

test('csv: a folder, and a file behind a file, are said to be so', async () => {
  await assert.rejects(opener('.'), coded('WR_DATA_UNREADABLE'))
  writeFileSync(join(folder, 'file'), 'x')
  await assert.rejects(opener('file/inside.csv'), coded('WR_DATA_MISSING'))
})

test('csv: no error carries a cell of the file, in its words, its parameters or its cause', async () => {
  const secret = 'Kowalska'
  for (const text of [`who,age\n${secret},1\n${secret}"x,2\n`, `who,age\n${secret}\n`, `1,2\n"${secret},1\n`]) {
    const error = await allRows(connectorTo(text)).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof WardroundError)
    const { message, sentences, parameters, cause } = error
    assert.doesNotMatch(JSON.stringify([message, sentences, parameters, String(cause ?? ''), cause]), /Kowalska/)
  }
})

test('csv: what was written is read, whatever the cells hold', async () => {
  const text = fc.string({ maxLength: 12 }).map((value) => value.replaceAll(/[\r\0]/g, '').trim())
  const table = fc.array(fc.tuple(text, text, text), { minLength: 1, maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(table, async (rows) => {
      const kept = rows.map((row) => [...row, 'end'])
      assert.deepEqual(await allRows(connectorTo(csv(['a', 'b', 'c', 'd'], kept), 'delimiter: ","')), kept)
    }),
    { numRuns: 100 },
  )
})

test('csv: whatever the bytes, reading ends with rows or with an error of ours', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, marked) => {
      const content = marked ? Buffer.concat([Buffer.from('who,age\n'), bytes]) : bytes
      await allRows(connectorTo(content)).catch((error: unknown) =>
        assert.ok(error instanceof WardroundError, `${error}`),
      )
    }),
    { numRuns: 200 },
  )
})
