import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Study, studySchema } from '@wardround/core/study/study.ts'
import { parseConfig, readConfig } from '../config.ts'
import { coded } from './connector.suite.ts'
import { fingerprint, loadTable, tableRecords } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-load-'))
after(() => rmSync(folder, { recursive: true }))

const studyOf = (target: object = { column: 'ill', positive: '> 0' }): Study =>
  studySchema.parse({
    wardround: 1,
    name: 'test',
    question: 'Is it?',
    data: {
      patient: 'who',
      target,
      columns: {
        chol: { type: 'number', unit: 'mg/dL', range: [50, 700] },
        sex: { type: 'category', values: { 0: 'female', 1: 'male' } },
      },
    },
    model: { layers: [{ dense: 1 }] },
    training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 1 },
    strategy: { fedAvg: {} },
    rounds: { maximum: 3 },
  })

const load = (csv: string, config = '', study = studyOf()) => {
  writeFileSync(join(folder, 'data.csv'), csv)
  return loadTable({ config: parseConfig(`data: { file: data.csv }\n${config}`, 'site.yaml'), folder, study })
}
const values = ({ table }: Awaited<ReturnType<typeof load>>, column: string): number[] => {
  const own = table.columns[column]
  return own === undefined || own.type === 'image' ? [] : Array.from(own.values)
}
const codes = ({ findings }: Awaited<ReturnType<typeof load>>): string[] =>
  findings.map(({ code, column }) => `${code} ${column ?? ''}`)

test("the study's own names need no mapping", async () => {
  const loaded = await load('who,ill,chol,sex\na,0,200,0\nb,2,300,1\n')
  assert.deepEqual(loaded.table.patients, ['a', 'b'])
  assert.deepEqual([...loaded.table.target], [0, 1])
  assert.deepEqual(values(loaded, 'chol'), [200, 300])
  assert.deepEqual(values(loaded, 'sex'), [0, 1])
})

test("a hospital's names, units, codes and missing markers become the study's", async () => {
  const config = `columns:
  who: PAT_ID
  ill: { column: DIAG, codes: { none: 0, some: 1 } }
  chol: { column: CHOL, unit: mmol/L, missing: [0] }
  sex: { column: SEX, codes: { F: 0, M: 1 } }`
  const loaded = await load('PAT_ID,DIAG,CHOL,SEX,OTHER\na,none,5,F,x\nb,some,0.0,M,y\nc,some,,?,z\n', config)
  assert.deepEqual([...loaded.table.target], [0, 1, 1])
  // 5 mmol/L × 38.665 mg/dL per mmol/L
  assert.deepEqual(values(loaded, 'chol'), [193.325, Number.NaN, Number.NaN])
  assert.deepEqual(values(loaded, 'sex'), [0, 1, -1])
  assert.ok(codes(loaded).includes('unknownCategory sex'), 'a mark that nobody declared is not taken for missing')
  const factor = await load('who,ill,chol,sex\na,0,5,0\nb,1,6,1\n', 'columns: { chol: { column: chol, factor: 40 } }')
  assert.deepEqual(values(factor, 'chol'), [200, 240])
})

test("a hospital's own codes for training and test become the study's", async () => {
  const study = studyOf()
  const given = { ...study, data: { ...study.data, split: { column: 'part', validation: false } } }
  const csv = 'who,ill,chol,sex,SET\na,0,200,0,1\nb,1,300,1,2\nc,1,250,0,1\n'
  const loaded = await load(csv, 'columns: { part: { column: SET, codes: { 1: training, 2: test } } }', given)
  assert.deepEqual(loaded.table.parts, ['training', 'test', 'training'])
  assert.ok(!codes(loaded).some((code) => code.startsWith('part')))
  assert.ok(codes(await load(csv, '', given)).includes('missingColumn part'))
})

test('one outcome everywhere is a fault in the data, unless the hospital says that it is so', async () => {
  const csv = 'who,ill,chol,sex\na,1,200,0\nb,2,300,1\n'
  const severityOf = async (text: string): Promise<string | undefined> => {
    writeFileSync(join(folder, 'ill.csv'), csv)
    const config = parseConfig(text, 'site.yaml')
    return (await loadTable({ config, folder, study: studyOf() })).findings.find(({ code }) => code === 'oneClass')
      ?.severity
  }
  assert.equal(await severityOf('data: { file: ill.csv }'), 'error')
  assert.equal(await severityOf('data: { file: ill.csv, oneOutcome: true }'), 'warning')
})

test('a marker that is a number stands for every way to write it', async () => {
  const marked = 'columns: { chol: { column: chol, missing: [-9] } }'
  const loaded = await load('who,ill,chol,sex\na,0,-9,0\nb,1,-9.0,1\nc,1,-9.,1\nd,1,90,1\n', marked)
  assert.deepEqual(values(loaded, 'chol'), [Number.NaN, Number.NaN, Number.NaN, 90])
  assert.ok(!codes(loaded).includes('outOfRange chol'))
})

test('decimal commas are read where the file has them, and a thousands separator is never taken for one', async () => {
  assert.deepEqual(values(await load('who;ill;chol;sex\na;0;200,5;0\nb;1;300,25;1\n'), 'chol'), [200.5, 300.25])
  const thousands = await load('who,ill,chol,sex\na,0,"1,234",0\nb,1,300,1\n')
  assert.deepEqual(values(thousands, 'chol'), [Number.NaN, 300])
  assert.ok(codes(thousands).includes('notNumber chol'))
  const points = await load('who;ill;chol;sex\na;0;1.234,5;0\nb;1;300,5;1\n')
  assert.deepEqual(values(points, 'chol'), [Number.NaN, 300.5])
  assert.ok(codes(points).includes('notNumber chol'))
})

test('a target that is a number is converted like a column', async () => {
  const study = studyOf({ column: 'glucose', unit: 'mg/dL', range: [10, 1000] })
  const config = 'columns: { glucose: { column: GLU, unit: mmol/L } }'
  const { table } = await load('who;GLU;chol;sex\na;10,0;200,5;0\nb;5,5;210,5;1\n', config, study)
  assert.deepEqual([...table.target], [180.156, 99.0858].map(Math.fround))
})

test('of times until an event, the time is converted like a column, and the event is a code or a number like an outcome', async () => {
  const time = { column: 'stay', unit: 'mo', range: [0, 1000] }
  const csv = 'who;STAY;DIED;chol;sex\na;1,5;1,0;200,5;0\nb;2,0;0,0;210,5;1\n'
  const config = 'columns: { stay: { column: STAY, unit: a }, died: { column: DIED } }'
  const { table } = await load(csv, config, studyOf({ time, event: { column: 'died', positive: '>= 1' } }))
  assert.deepEqual(
    [[...(table.times ?? [])], [...table.target]],
    [
      [18, 24],
      [1, 0],
    ],
  )
  const coded = 'columns: { stay: { column: STAY, unit: a }, died: { column: DIED, codes: { "1,0": yes, "0,0": no } } }'
  const own = await load(csv, coded, studyOf({ time, event: { column: 'died', positive: 'in yes' } }))
  assert.deepEqual([...own.table.target], [1, 0])
})

test('each row is a patient of its own where the file names nobody, and batches do not start again', async () => {
  const csv = `ill,chol,sex\n${'0,200,0\n1,201,1\n'.repeat(800)}`
  const { table } = await load(csv, 'columns: { who: { rowNumber: true } }')
  assert.equal(new Set(table.patients).size, 1600)
})

test('columns that are not there are findings, not errors: preflight names them all at once', async () => {
  const loaded = await load('id,ill,sex\na,0,0\nb,1,1\n')
  assert.deepEqual(
    codes(loaded)
      .filter((code) => code.startsWith('missingColumn'))
      .toSorted(),
    ['missingColumn chol', 'missingColumn who'],
  )
})

test('a file without records, and units that nobody can convert, are errors', async () => {
  await assert.rejects(load('who,ill,chol,sex\n'), coded('WR_DATA_EMPTY'))
  const config = 'columns: { chol: { column: chol, unit: furlong } }'
  await assert.rejects(load('who,ill,chol,sex\na,0,1,0\n', config), coded('WR_CONFIG', { field: 'columns.chol.unit' }))
})

test('the fingerprint changes with the file', async () => {
  const config = parseConfig('data: { file: print.csv }', 'site.yaml')
  assert.throws(() => fingerprint(config, folder), coded('WR_DATA_MISSING'))
  const path = join(folder, 'print.csv')
  writeFileSync(path, 'who\na\n')
  const first = fingerprint(config, folder)
  assert.equal(fingerprint(config, folder), first)
  utimesSync(path, new Date(1000), new Date(1000))
  assert.notEqual(fingerprint(config, folder), first)
})

test('without a study, columns are renamed, missing markers and codes read, units converted where they are asked for', async () => {
  writeFileSync(join(folder, 'data.csv'), 'PAT_ID,CHOL,SEX,NOTE\na,5,F,"1,234"\nb,0,M,?\n')
  const columns = 'chol: { column: CHOL, unit: mmol/L, missing: [0] }, sex: { column: SEX, codes: { F: 0, M: 1 } }'
  const config = parseConfig(`data: { file: data.csv, missing: ['?'] }\ncolumns: { ${columns} }`, 'site.yaml')
  const read = async (units?: Record<string, string>) =>
    Array.fromAsync((await tableRecords(config, folder, units)).records)
  assert.deepEqual(await read({ chol: 'mg/dL' }), [
    { PAT_ID: 'a', chol: '193.325', sex: '0', NOTE: '1,234' },
    { PAT_ID: 'b', chol: null, sex: '1', NOTE: null },
  ])
  assert.equal((await read())[0]?.chol, '5')
  await assert.rejects(read({ chol: 'furlong' }), coded('WR_CONFIG'))
})

const NOT_HERE = 'THE UCI FILES ARE NOT HERE: the reading of real exports is not tested'
const repository = fileURLToPath(new URL('../../../..', import.meta.url))
const original = join(repository, '../shared/data/heart_disease/original')
test('the four hospitals of the example are read as published', {
  skip: !existsSync(original) && NOT_HERE,
}, async () => {
  const { parseStudy } = await import('@wardround/core/protocol/plan.ts')
  const { readFileSync } = await import('node:fs')
  const example = join(repository, 'examples/heart-disease')
  const { study } = parseStudy(readFileSync(join(example, 'study.yaml'), 'utf8'))
  // Records, and those with a narrowing above half, as heart-disease.names gives them (class distribution, num > 0).
  const published = { cleveland: [303, 139], budapest: [294, 106], zurich: [123, 115], longbeach: [200, 149] }
  for (const [site, [records, positive]] of Object.entries(published)) {
    const config = readConfig(join(example, 'sites', `${site}.yaml`))
    const { table, findings } = await loadTable({ config, folder: original, study })
    assert.equal(table.rows, records, site)
    assert.equal(
      table.target.reduce((sum, label) => sum + label, 0),
      positive,
      site,
    )
    assert.deepEqual(
      findings.filter(({ severity }) => severity === 'error'),
      [],
      site,
    )
  }
})
