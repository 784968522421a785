/** `wardround predict` with a model that marks images. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { graphBuilder } from '@wardround/core/graph/builder.ts'
import { decodeModel } from '@wardround/core/graph/decode-model.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import { exportModel } from '@wardround/core/graph/export.ts'
import { type Graph, int } from '@wardround/core/graph/ir.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import { testPlan } from '@wardround/site/testing/hospital.ts'
import { decode, encode } from 'fast-png'
import { z } from 'zod'
import { ran } from '../testing/runtime.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-masks-'))
after(() => rmSync(folder, { recursive: true }))

const [height, width] = [2, 3]

/** Each output is a line in a pixel's level z = (level − 100) / 50. */
function modelOf(
  mask: Readonly<Record<string, string>>,
  lines: readonly { slope: number; start: number }[],
): Uint8Array {
  const { study, planHash } = validatePlan({
    ...testPlan,
    data: {
      ...testPlan.data,
      target: { column: 'mask', mask },
      columns: { scan: { type: 'image', size: [height, width] } },
    },
    model: { layers: [{ conv2d: lines.length, kernel: 1, name: 'output' }] },
    training: { ...Object(testPlan.training), loss: 'dice' },
  })
  const floats = (of: 'slope' | 'start') => Float32Array.from(lines, (line) => line[of])
  return exportModel({
    study,
    planHash,
    preparation: {
      columns: [{ name: 'scan', type: 'image', extents: [1, height, width], mean: [100], standardDeviation: [50] }],
      normalise: 'global',
      contributors: ['north'],
    },
    weights: [
      { name: 'output.kernel', shape: [lines.length, 1, 1, 1], data: floats('slope') },
      { name: 'output.bias', shape: [lines.length], data: floats('start') },
    ],
  })
}

/** One number of an image, rather than one of each pixel. */
function modelWithoutImages(): Graph {
  const b = graphBuilder()
  const scan = b.input({ name: 'scan', type: 'uint8', shape: ['rows', 1, height, width] })
  const levels = b.node('Cast', [scan], { attributes: { to: int(1) } })
  const mean = b.node('ReduceMean', [b.node('Flatten', [levels]), b.axes([1])])
  return b.build('vector', [b.node('Identity', [mean], { name: 'prediction' })])
}

const path = (name: string): string => join(folder, name)
const saved = (name: string, content: string | Uint8Array): string => {
  writeFileSync(path(name), content)
  return path(name)
}
const images = [
  [0, 80, 100, 120, 160, 255],
  [0, 0, 0, 0, 0, 0],
]
for (const [row, levels] of images.entries())
  saved(`${row}.png`, encode({ width, height, channels: 1, depth: 8, data: Uint8Array.from(levels) }))
const table = saved('scans.csv', 'scan\n0.png\n1.png\n')

const document = z.looseObject({
  columns: z.array(z.string()),
  predictions: z.array(z.tuple([z.string()], z.number())),
})

async function marked(model: Uint8Array, into: string, of = table) {
  const { code, stdout, stderr } = await ran([
    ...['predict', saved('model.onnx', model), of, '--masks', path(into), '--json'],
  ])
  assert.equal(code, 0, stdout + stderr)
  const { columns, predictions } = document.parse(JSON.parse(stdout))
  const masks = predictions.map(([file]) => decode(readFileSync(file)))
  return {
    columns,
    counts: predictions.map(([, ...counts]) => counts),
    masks: masks.map(({ data }) => [...data]),
    sizes: masks.map((mask) => [mask.width, mask.height, mask.channels]),
  }
}

test('of two labels with one output the second is marked from a probability of a half on', async () => {
  const model = modelOf({ 0: 'background', 255: 'tumour' }, [{ slope: 1, start: 0 }])
  const { columns, counts, masks, sizes } = await marked(model, 'one')
  assert.deepEqual(sizes, [
    [width, height, 1],
    [width, height, 1],
  ])
  assert.deepEqual(columns, ['mask', '0', '255'])
  assert.deepEqual(masks, [
    [0, 0, 255, 255, 255, 255],
    [0, 0, 0, 0, 0, 0],
  ])
  assert.deepEqual(counts, [
    [2, 4],
    [6, 0],
  ])
  assert.deepEqual(readdirSync(path('one')).toSorted(), ['row-1.png', 'row-2.png'])
})

test('of several labels the most probable one is marked, by the level that the study names', async () => {
  // −z, 0 and 2·z − 1: below 100, from 100 to 125, and above.
  const lines = [
    { slope: -1, start: 0 },
    { slope: 0, start: 0.01 },
    { slope: 2, start: -1 },
  ]
  const { columns, counts, masks } = await marked(modelOf({ 9: 'tumour', 3: 'edema', 1: 'none' }, lines), 'three')
  assert.deepEqual(columns, ['mask', '1', '3', '9'])
  assert.deepEqual(masks, [
    [1, 1, 3, 3, 9, 9],
    [1, 1, 1, 1, 1, 1],
  ])
  assert.deepEqual(counts, [
    [2, 2, 2],
    [6, 0, 0],
  ])
})

test('a mask is as large as its image was, before it was brought to the model’s size', async () => {
  // Four by four pixels come to lie in two by two, beside a column of nothing.
  const quarters = [0, 0, 255, 255, 0, 0, 255, 255, 255, 255, 0, 0, 255, 255, 0, 0]
  const file = encode({ width: 4, height: 4, channels: 1, depth: 8, data: Uint8Array.from(quarters) })
  saved('quarters.png', file)
  const larger = saved('larger.csv', 'scan\n0.png\nquarters.png\n')
  const model = modelOf({ 0: 'background', 255: 'tumour' }, [{ slope: 1, start: 0 }])
  const { masks, sizes, counts } = await marked(model, 'larger', larger)
  assert.deepEqual(sizes, [
    [3, 2, 1],
    [4, 4, 1],
  ])
  assert.deepEqual(masks[1], quarters)
  assert.deepEqual(counts[1], [8, 8])
})

test('without a folder for the masks, or with a file that names other labels, it says so', async () => {
  const model = modelOf({ 0: 'background', 255: 'tumour' }, [{ slope: 1, start: 0 }])
  const nowhere = await ran(['predict', saved('model.onnx', model), table])
  assert.match(nowhere.stderr, /^WR_USAGE: .*--masks FOLDER/)
  const { graph, metadata } = decodeModel(model)
  const vector = modelWithoutImages()
  for (const [own, change] of [
    [graph, { 0: 'a', 1: 'b', 2: 'c' }],
    [graph, { 0: 'a' }],
    [graph, { 0: 'a', 256: 'b' }],
    [graph, { 0: 'a', x: 'b' }],
    [vector, { 0: 'a', 1: 'b' }],
  ] as const) {
    const other = saved('other.onnx', encodeModel(own, { ...metadata, mask: JSON.stringify(change) }))
    const refused = await ran(['predict', other, table, '--masks', path('none')])
    assert.match(refused.stderr, /^WR_GRAPH_INVALID: /, JSON.stringify(change))
  }
})
