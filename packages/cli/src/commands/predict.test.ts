import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { decodeModel } from '@wardround/core/graph/decode-model.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import { exportModel } from '@wardround/core/graph/export.ts'
import type { Preparation } from '@wardround/core/preparation/schema.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import { testPlan } from '@wardround/site/testing/hospital.ts'
import { encode } from 'fast-png'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { z } from 'zod'
import { ran } from '../testing/runtime.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-predict-'))
after(() => rmSync(folder, { recursive: true }))

/** A logistic model whose weights are chosen by hand: p = σ(0.5 · (chol − 200) / 40 + 0.25 · [sex is 1] − 0.75 · [sex is 2] + 0.125). */
const { study, planHash } = validatePlan({
  ...testPlan,
  data: {
    ...testPlan.data,
    columns: {
      chol: { type: 'number', unit: 'mg/dL', range: [50, 700] },
      sex: { type: 'category', values: { 0: 'female', 1: 'male', 2: 'other' } },
    },
  },
})
const preparation: Preparation = {
  columns: [
    { name: 'chol', type: 'number', fill: 240, mean: 200, standardDeviation: 40 },
    { name: 'sex', type: 'category', fill: '1', codes: ['0', '1', '2'] },
  ],
  normalise: 'global',
  contributors: ['north'],
}
const exported = exportModel({
  study,
  planHash,
  preparation,
  weights: [
    { name: 'output.kernel', shape: [3, 1], data: Float32Array.of(0.5, 0.25, -0.75) },
    { name: 'output.bias', shape: [1], data: Float32Array.of(0.125) },
  ],
})
const byHand = (chol: number, sex: 0 | 1 | 2): number =>
  1 / (1 + Math.exp(-(0.5 * ((chol - 200) / 40) + ([0, 0.25, -0.75][sex] ?? 0) + 0.125)))

/** The same graph with other metadata. */
function modelWith(name: string, change: Readonly<Record<string, string>>): string {
  const { graph, metadata } = decodeModel(exported)
  const { units: _, ...others } = metadata
  return file(name, encodeModel(graph, { ...others, ...change }))
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const model = modelWith('model.onnx', { units: JSON.stringify({ chol: 'mg/dL' }) })
const silent = modelWith('silent.onnx', {})

const documentSchema = z.strictObject({
  study: z.literal('small'),
  planHash: z.literal(planHash),
  rows: z.int(),
  columns: z.array(z.string()),
  predictions: z.array(z.array(z.number())),
})

async function predicted(args: readonly string[]): Promise<number[]> {
  const { code, stdout, stderr } = await ran(['predict', ...args, '--json'])
  assert.equal(code, 0, stdout + stderr)
  const { rows, columns, predictions } = documentSchema.parse(JSON.parse(stdout))
  assert.equal(rows, predictions.length)
  assert.deepEqual(columns, ['prediction'])
  return predictions.map(([value = Number.NaN]) => value)
}

/** Float32 on the way: seven digits. */
function close(values: readonly number[], expected: readonly number[]): void {
  assert.equal(values.length, expected.length)
  for (const [row, value] of values.entries())
    assert.ok(Math.abs(value - (expected[row] ?? Number.NaN)) < 1e-6, `row ${row + 1}: ${value}, not ${expected[row]}`)
}

const refusedWith = async (args: readonly string[], code: string, words: RegExp): Promise<void> => {
  const { code: exit, stderr } = await ran(['predict', ...args])
  assert.notEqual(exit, 0)
  assert.ok(stderr.startsWith(`${code}: `), stderr)
  assert.match(stderr, words)
}

test('probabilities as by hand: values, missing cells, unknown codes, in the order of the records', async () => {
  const table = file('plain.csv', 'sex,name,chol\n0,a,200\n1,b,280\n2,c,120\n,d,\n7,e,240\n')
  const expected = [byHand(200, 0), byHand(280, 1), byHand(120, 2), byHand(240, 1), byHand(240, 1)]
  close(await predicted([model, table]), expected)
  close(await predicted([silent, table]), expected)
})

test('cells are read as at a hospital that trains: codes as exports write them, out-of-range values as missing, decimal commas', async () => {
  close(await predicted([model, file('codes.csv', 'sex,chol\n0.0,200\n1.00,280.0\n2.,120\n')]), [
    byHand(200, 0),
    byHand(280, 1),
    byHand(120, 2),
  ])
  close(await predicted([model, file('range.csv', 'sex,chol\n0,0\n0,49.9\n0,50\n0,700\n0,701\n')]), [
    byHand(240, 0),
    byHand(240, 0),
    byHand(50, 0),
    byHand(700, 0),
    byHand(240, 0),
  ])
  close(await predicted([model, file('comma.csv', 'sex;chol\n0;200,5\n1;280,25\n')]), [
    byHand(200.5, 0),
    byHand(280.25, 1),
  ])
})

test("with a site.yaml a hospital's own names, codes, units and texts for missing values hold", async () => {
  const table = file('own.csv', 'GENDER,CHOL\nw,5.172643217380059\nm,?\n')
  const config = (columns: string): string =>
    file('site.yaml', `data: { file: elsewhere.csv, missing: ["?"] }\ncolumns: { ${columns} }\n`)
  const sex = 'sex: { column: GENDER, codes: { w: 0, m: 1 } }'
  // 200 mg/dL of cholesterol are 200 / 38.665 mmol/L (386.65 g/mol).
  const converted = [byHand(200, 0), byHand(240, 1)]
  close(await predicted([model, table, '--config', config(`${sex}, chol: { column: CHOL, unit: mmol/L }`)]), converted)
  for (const either of [model, silent])
    close(
      await predicted([either, table, '--config', config(`${sex}, chol: { column: CHOL, factor: 38.665 }`)]),
      converted,
    )
})

/** p = σ(Σ over four pixels of kernel · (level − 100) / 50 + 0.25). */
const kernel = [0.5, -0.25, 1, 0.125]
const ofImage = (levels: readonly number[]): number =>
  1 / (1 + Math.exp(-(levels.reduce((sum, level, at) => sum + ((level - 100) / 50) * (kernel[at] ?? 0), 0) + 0.25)))

function imageModel(): string {
  const plan = validatePlan({
    ...testPlan,
    data: { ...testPlan.data, columns: { scan: { type: 'image', size: [2, 2] } } },
    model: { layers: [{ flatten: {} }, { dense: 1, name: 'output' }] },
  })
  const scan = { name: 'scan', type: 'image' as const, extents: [1, 2, 2] as [number, number, number] }
  const bytes = exportModel({
    study: plan.study,
    planHash: plan.planHash,
    preparation: { ...preparation, columns: [{ ...scan, mean: [100], standardDeviation: [50] }] },
    weights: [
      { name: 'output.kernel', shape: [4, 1], data: Float32Array.from(kernel) },
      { name: 'output.bias', shape: [1], data: Float32Array.of(0.25) },
    ],
  })
  return file('image.onnx', bytes)
}

test('images are brought to what the model wants, from files beside the table or as a site.yaml says', async () => {
  const path = imageModel()
  const told = async (args: readonly string[]): Promise<number[]> => {
    const { code, stdout, stderr } = await ran(['predict', path, ...args, '--json'])
    assert.equal(code, 0, stdout + stderr)
    const { predictions } = z.looseObject({ predictions: z.array(z.array(z.number())) }).parse(JSON.parse(stdout))
    return predictions.map(([value = Number.NaN]) => value)
  }
  // More than are predicted at once.
  const images = Array.from({ length: 70 }, (_, row) => [row, 255 - row, 3 * row, 100])
  const png = (data: readonly number[]): Uint8Array =>
    encode({ width: 2, height: 2, channels: 1, depth: 8, data: Uint8Array.from(data) })
  for (const [row, data] of images.entries()) file(`${row}.png`, png(data))
  const expected = images.map(ofImage)
  const table = file('images.csv', `scan\n${images.map((_, row) => `${row}.png`).join('\n')}\n`)
  close(await told([table]), expected)
  file('all.bin', Uint8Array.from(images.flat()))
  const config = (scan: string): string =>
    file('images.yaml', `data: { file: elsewhere.csv }\ncolumns: { scan: ${scan} }\n`)
  close(await told([table, '--config', config('{ packed: all.bin, size: [2, 2] }')]), expected)
  const places = file('places.csv', 'at\n3\n69\n')
  const packed = config('{ packed: all.bin, size: [2, 2], column: at }')
  close(await told([places, '--config', packed]), [expected[3] ?? 0, expected[69] ?? 0])
  const bad = await ran(['predict', path, file('bad.csv', 'scan\n1.png\nabsent.png\n')])
  assert.match(bad.stderr, /^WR_DATA_VALUE: /)
  assert.match(bad.stderr, /scan.*an image/)
})

test('a unit is never guessed: of a model that does not say its own, another one is refused', async () => {
  const table = file('unit.csv', 'sex,chol\n0,5.2\n')
  const config = file('unit.yaml', 'data: { file: x.csv }\ncolumns: { chol: { column: chol, unit: mmol/L } }\n')
  await refusedWith([silent, table, '--config', config], 'WR_CONFIG', /columns\.chol\.unit.*factor/)
  const unknown = file('unknown.yaml', 'data: { file: x.csv }\ncolumns: { chol: { column: chol, unit: stone } }\n')
  await refusedWith([model, table, '--config', unknown], 'WR_CONFIG', /columns\.chol\.unit/)
})

test('a table without line of names has the columns that site.yaml lists', async () => {
  const config = file('header.yaml', 'data: { file: x.csv, header: [chol, sex] }\n')
  close(await predicted([model, file('bare.csv', '200,0\n280,1\n'), '--config', config]), [
    byHand(200, 0),
    byHand(280, 1),
  ])
  await refusedWith(
    [model, file('bare-text.csv', '200,0\nold,1\n'), '--config', config],
    'WR_DATA_VALUE',
    /line 2.*chol/,
  )
})

test('thousands of records: the same as ONNX Runtime gives for all at once', async () => {
  const rows = Array.from({ length: 9000 }, (_, row) => ({ chol: 60 + ((row * 37) % 600), sex: row % 3 }))
  const table = file('long.csv', `chol,sex\n${rows.map(({ chol, sex }) => `${chol},${sex}\n`).join('')}`)
  const session = await InferenceSession.create(readFileSync(model), { logSeverityLevel: 3 })
  const { prediction } = await session.run({
    chol: new Tensor(
      'float32',
      Float32Array.from(rows, ({ chol }) => chol),
      [rows.length, 1],
    ),
    sex: new Tensor(
      'string',
      rows.map(({ sex }) => String(sex)),
      [rows.length, 1],
    ),
  })
  assert.ok(prediction?.data instanceof Float32Array)
  assert.deepEqual(await predicted([model, table]), [...prediction.data])
})

test('as a table: on stdout, or in a file', async () => {
  const table = file('two.csv', 'sex,chol\n0,200\n1,280\n')
  const { stdout } = await ran(['predict', model, table])
  const lines = stdout.trim().split('\n')
  assert.equal(lines[0], 'row,prediction')
  assert.deepEqual(
    lines.slice(1).map((line) => line.split(',').map(Number)[0]),
    [1, 2],
  )
  const out = join(folder, 'scores.csv')
  const written = await ran(['predict', model, table, '--out', out])
  assert.equal(written.code, 0)
  assert.equal(readFileSync(out, 'utf8'), stdout)
  assert.ok(written.stdout.includes(out))
  await refusedWith([model, table, '--out', join(folder, 'no folder', 'scores.csv')], 'WR_PERMISSION', /scores\.csv/)
})

test('what cannot be read is refused: the model, the columns, a value with its line, an empty table', async () => {
  const table = file('good.csv', 'sex,chol\n0,200\n')
  await refusedWith([join(folder, 'absent.onnx'), table], 'WR_DATA_MISSING', /absent\.onnx/)
  await refusedWith([table, table], 'WR_GRAPH_INVALID', /ONNX/)
  await refusedWith([modelWith('damaged.onnx', { units: '{"chol":' }), table], 'WR_GRAPH_INVALID', /metadata/)
  await refusedWith([model, join(folder, 'absent.csv')], 'WR_DATA_MISSING', /absent\.csv/)
  await refusedWith([model, file('other.csv', 'sex,ldl\n0,200\n')], 'WR_DATA_COLUMN', /no column chol.*sex, ldl/s)
  await refusedWith([model, file('text.csv', 'sex,chol\n0,200\n1,high\n')], 'WR_DATA_VALUE', /line 3.*chol/s)
  await refusedWith([model, file('names.csv', 'sex,chol\n')], 'WR_DATA_EMPTY', /names\.csv/)
  const { stderr } = await ran(['predict', model, file('secret.csv', 'sex,chol\n1,Mrs Smith\n'), '--verbose'])
  assert.doesNotMatch(stderr, /Smith/, 'a value is in no message')
})
