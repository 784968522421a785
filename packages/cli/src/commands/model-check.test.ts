/** `model check` and `model show` on files as people have them. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { registry } from '@wardround/core/errors.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import type { Dim, Graph, Node, Tensor } from '@wardround/core/graph/ir.ts'
import { testPlan } from '@wardround/site/testing/hospital.ts'
import { z } from 'zod'
import { ran } from '../testing/runtime.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-model-'))
after(() => rmSync(folder, { recursive: true }))

const [inputs, outputs] = [6, 2]
const kernel: Tensor = { name: 'head.weight', type: 'float32', shape: [inputs, outputs], data: new Float32Array(12) }
const bias: Tensor = { name: 'head.bias', type: 'float32', shape: [outputs], data: new Float32Array(2) }
const node = (op: string, from: readonly string[], to: string): Node => ({
  op,
  domain: '',
  inputs: from,
  outputs: [to],
  attributes: {},
})

function onnxFile(name: string, { batch = 'n' as Dim, nodes = [] as readonly Node[] } = {}): string {
  const graph: Graph = {
    name: 'model',
    inputs: [{ name: 'x', type: 'float32', shape: [batch, inputs] }],
    outputs: [{ name: 'y', type: 'float32', shape: [batch, outputs] }],
    initializers: [kernel, bias],
    nodes: [...nodes, node('Gemm', ['x', 'head.weight', 'head.bias'], 'y')],
  }
  const path = join(folder, name)
  writeFileSync(path, encodeModel(graph))
  return path
}

const study = join(folder, 'study.yaml')
writeFileSync(study, JSON.stringify({ ...testPlan, name: 'small' }))

const costOf = z.looseObject({
  batch: z.int(),
  learnt: z.int(),
  roundBytes: z.strictObject({ down: z.int(), up: z.int() }),
  operations: z.strictObject({ forward: z.int(), step: z.int() }),
  memoryBytes: z.strictObject({ carried: z.int(), peak: z.int() }),
})
const checkOf = z.looseObject({
  trainable: z.boolean(),
  cutShort: z.boolean(),
  obstacles: z.array(z.looseObject({ kind: z.string(), what: z.string(), way: z.string() })),
  cost: costOf.nullable(),
})

async function checked(args: readonly string[]) {
  const { code, stdout } = await ran(['model', 'check', ...args, '--json'])
  return { code, ...checkOf.parse(JSON.parse(stdout)) }
}

test('a model that can be trained: exit code 0, and what it costs', async () => {
  const path = onnxFile('good.onnx')
  const { code, trainable, cost } = await checked([path, '--batch', '10'])
  assert.deepEqual([code, trainable], [0, true])
  assert.equal(cost?.batch, 10)
  assert.equal(cost?.learnt, 14)
  assert.deepEqual(cost?.roundBytes, { down: 56, up: 56 })
  assert.equal(cost?.operations.forward, 10 * (inputs * outputs * 2 + outputs))
  const { code: again, stdout } = await ran(['model', 'check', path])
  assert.equal(again, 0)
  assert.match(stdout, /^good\.onnx can be trained\.\n/)
  assert.match(stdout, /^Parameters: 14 that are learnt$/m)
  assert.match(stdout, /^A step with 32 examples: /m)
})

test('one that cannot: exit code 1, everything that stands in its way, and a way round each', async () => {
  const path = onnxFile('bad.onnx', { batch: 1, nodes: [node('NonZero', ['x'], 'z')] })
  const { code, trainable, cost, obstacles } = await checked([path])
  assert.deepEqual([code, trainable, cost], [1, false, null])
  assert.deepEqual(
    obstacles.map(({ kind }) => kind),
    ['fixedBatch', 'operator'],
  )
  const { code: again, stdout } = await ran(['model', 'check', path])
  assert.equal(again, 1)
  assert.match(stdout, /^bad\.onnx cannot be trained as it is\.\n/)
  for (const { what, way } of obstacles) assert.ok(stdout.includes(`  - ${what}\n    ${way}\n`), what)
})

test('what is no model is an error with its own exit code, and so is a batch of nothing', async () => {
  const path = join(folder, 'noise.onnx')
  writeFileSync(path, 'no model at all')
  assert.equal((await ran(['model', 'check', path])).code, registry.WR_GRAPH_INVALID.exit)
  const good = onnxFile('good.onnx')
  for (const batch of ['0', '-1', 'many', '65537', '1.5'])
    assert.equal((await ran(['model', 'check', good, '--batch', batch])).code, registry.WR_USAGE.exit, batch)
  assert.equal((await ran(['model', 'check', good, '--batch', '65536'])).code, 0)
})

test('a study is checked with its own optimizer and batch', async () => {
  const own = await checked([study])
  assert.equal(own.cost?.batch, testPlan.training.batch)
  const other = await checked([study, '--batch', '1'])
  assert.equal(other.cost?.batch, 1)
  assert.equal(other.cost?.learnt, own.cost?.learnt)
})

test('where a batch is worked on in parts, memory is that of one', async () => {
  const parted = join(folder, 'parted.yaml')
  writeFileSync(
    parted,
    JSON.stringify({ ...testPlan, name: 'parted', training: { ...testPlan.training, microbatch: 1 } }),
  )
  const [whole, one, parts] = [await checked([study]), await checked([study, '--batch', '1']), await checked([parted])]
  assert.deepEqual(parts.cost?.operations, whole.cost?.operations)
  assert.deepEqual(parts.cost?.memoryBytes, one.cost?.memoryBytes)
  assert.notDeepEqual(parts.cost?.memoryBytes, whole.cost?.memoryBytes)
  assert.match((await ran(['model', 'check', parted])).stdout, /for each part of 1 that is worked on at the same time/)
})

test('what is personal or frozen does not travel', async () => {
  const shared = join(folder, 'shared.yaml')
  const plan = (model: object) => JSON.stringify({ ...testPlan, name: 'small', model: { ...testPlan.model, ...model } })
  writeFileSync(
    shared,
    plan({
      layers: [
        { dense: 3, name: 'body' },
        { dense: 1, name: 'head' },
      ],
      personal: ['head.bias'],
      frozen: ['body.*'],
    }),
  )
  const { cost } = await checked([shared])
  assert.deepEqual([cost?.learnt, cost?.frozen], [4, 6])
  assert.deepEqual(cost?.roundBytes, { down: 12, up: 12 })
})

test('models are shown as a table and as a picture', async () => {
  const svg = join(folder, 'model.svg')
  const { code, stdout } = await ran(['model', 'show', onnxFile('good.onnx'), '--svg', svg])
  assert.equal(code, 0)
  assert.match(stdout, /^head +Gemm +2 +14$/m)
  assert.match(stdout, /^In all 14: 14 that are learnt$/m)
  assert.match(readFileSync(svg, 'utf8'), /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[\s\S]*<\/svg>\n$/)
  const told = await ran(['model', 'show', study, '--svg', svg, '--json'])
  const { layers, path } = z
    .strictObject({ layers: z.array(z.looseObject({ name: z.string(), kind: z.string() })), path: z.string() })
    .parse(JSON.parse(told.stdout))
  assert.equal(path, svg)
  assert.equal(layers.at(-1)?.kind, 'dense')
})

test('of a model that cannot be trained there is nothing to show, and no picture is left', async () => {
  const svg = join(folder, 'none.svg')
  const { code, stderr } = await ran(['model', 'show', onnxFile('bad.onnx', { batch: 1 }), '--svg', svg])
  assert.equal(code, registry.WR_GRAPH_REFUSED.exit)
  assert.match(stderr, /WR_GRAPH_REFUSED: .*\n.*one example at a time/)
  assert.ok(!existsSync(svg))
})
