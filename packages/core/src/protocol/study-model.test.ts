import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '../errors.ts'
import { decodeModel } from '../graph/decode-model.ts'
import { encodeModel } from '../graph/encode-model.ts'
import { exportModel } from '../graph/export.ts'
import { plannedModel } from '../graph/import/planned.ts'
import { run } from '../graph/interpreter/interpret.ts'
import { numbers } from '../graph/interpreter/values.ts'
import { type Attribute, int } from '../graph/ir.ts'
import { imageFile, markingFile, node, type SmallFile, smallFile } from '../graph/testing/small-file.ts'
import { decodeWeights } from '../safetensors.ts'
import { describePlan, describeReleases } from '../words/en/study.ts'
import { sha256Hex } from './canonical.ts'
import { parseStudy, validatePlan } from './plan.ts'

const source = `
wardround: 1
name: small
question: Is it?
data:
  patient: who
  target: { column: ill, positive: "> 0" }
  columns:
    age: { type: number, unit: a, range: [0, 120] }
    ward: { type: category, values: { a: A, b: B, c: C } }
  minimumCohort: 5
model:
  onnx: models/small.onnx
training: { loss: binaryCrossEntropy, optimizer: { adam: { rate: 0.02 } }, batch: 16, epochs: 2 }
strategy: { fedAvg: {} }
rounds: { maximum: 3 }
`
const file = (change: SmallFile = {}): Uint8Array<ArrayBuffer> => smallFile({ inputs: 3, ...change })
const parsed = (bytes: Uint8Array = file(), text = source) =>
  parseStudy(text, 'study.yaml', (path) => {
    assert.equal(path, 'models/small.onnx')
    return bytes
  })

/** What is wrong, and in which line. */
function problemOf(work: () => unknown): { line: number; field: string; problem: string } {
  try {
    work()
  } catch (error) {
    if (!(error instanceof WardroundError) || error.code !== 'WR_STUDY_INVALID') throw error
    const { line, field, problem } = error.parameters
    return { line: Number(line), field: String(field), problem: String(problem) }
  }
  return assert.fail('this is valid')
}

test('the plan of a study with a file has its graph, and the digest of its first weights', () => {
  const { study, plan, planHash, firstWeights = assert.fail('none') } = parsed()
  assert.ok('onnx' in study.model)
  const { graph, weights } = plannedModel(file())
  assert.equal(study.model.onnx.graph, graph)
  assert.deepEqual(study.model.onnx.weights, { sha256: sha256Hex(firstWeights), sizeBytes: firstWeights.length })
  assert.deepEqual(decodeWeights(firstWeights, weights), weights)
  assert.equal(validatePlan(plan).planHash, planHash)
  const other = file({ names: ['hidden.w', 'hidden.bias'] })
  assert.notEqual(parsed(other).planHash, planHash)
})

test('a study says its weights and its file in words', () => {
  const text = `${source.replace('small.onnx', 'small.onnx\n  personal: [out.bias]\n  frozen: [hidden.*]')}`
  const { study } = parsed(file(), text)
  assert.ok('onnx' in study.model)
  const described = describePlan(study).join('\n')
  const digest = sha256Hex(Uint8Array.fromBase64(study.model.onnx.graph))
  for (const part of [digest, study.model.onnx.weights.sha256, 'makes [1] of [3] by 2 Gemm, Tanh', 'out.bias stays'])
    assert.ok(described.includes(part), `${part}: ${described}`)
  assert.match(described, /3 that are learnt, 8 that are frozen.*8 B of weights to each site/)
  assert.match(describeReleases(study, 5).leaves.join('\n'), /not out.bias/)
})

test('a model that does not fit its study is refused at its line, with what to change', () => {
  const line = source.slice(0, source.indexOf('onnx:')).split('\n').length
  const noted = (op: string, attributes: Readonly<Record<string, Attribute>> = {}) => ({
    ...node(op, ['t'], 'n'),
    attributes,
  })
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [file({ inputs: 2 }), /takes \[2\].*columns make \[3\].*Reshape of \[3\]/],
    [file({ outputs: 2 }), /one output for an example, not \[2\]/],
    [file({ end: ['Softmax'] }), /no activation or a sigmoid, not in a softmax/],
    [file({ end: ['Sigmoid', 'Identity'] }), /gone through a Sigmoid/],
    [file({ end: ['Softmax', 'Flatten', 'Identity'] }), /gone through a Softmax/],
    [file({ nodes: [noted('NonZero')] }), /NonZero.*not known here.*Where with a mask/],
    [file({ end: ['Evil', 'Worse'] }), /Evil.*Something else/],
    [file({ shape: [4, 3] }), /4 examples at a time.*dynamic_shapes/],
    [file({ shape: ['batch', 'n'] }), /only the first extent/],
    [Uint8Array.of(1, 2, 3), /small.onnx cannot be read/],
    [file({ bias: Number.NaN }), /out.bias in the file holds/],
  ]
  for (const [bytes, problem] of cases) {
    const found = problemOf(() => parsed(bytes))
    assert.match(found.problem, problem)
    assert.deepEqual([found.line, found.field], [line, 'model.onnx'])
  }
  assert.match(problemOf(() => parseStudy(source)).problem, /only a study that is itself a file/)
  const unknown = source.replace('small.onnx', 'small.onnx\n  personal: [bias]')
  assert.match(problemOf(() => parsed(file(), unknown)).problem, /no weight bias; there are hidden.weight, hidden.bias/)
  const all = source.replace('small.onnx', 'small.onnx\n  frozen: ["*"]')
  assert.match(problemOf(() => parsed(file(), all)).problem, /nothing in it to learn/i)
  const started = source.replace('small.onnx', 'small.onnx\n  start: { out.bias: [0] }')
  assert.match(problemOf(() => parsed(file(), started)).field, /model/)
})

test('a file takes images as the study has them: channels, height, width', () => {
  const images = source.replace(/ {4}age: .*\n {4}ward: .*\n/, '    scan: { type: image, size: [4, 6], channels: 3 }\n')
  const { study, firstWeights } = parsed(imageFile([3, 4, 6]), images)
  assert.ok(firstWeights && /makes \[1\] of \[3, 4, 6\] by Flatten, Gemm/.test(describePlan(study).join('\n')))
  for (const extents of [[4, 6, 3], [72], [1, 4, 6]])
    assert.match(problemOf(() => parsed(imageFile(extents), images)).problem, /columns make \[3, 4, 6\]/)
})

test("the last activation is the loss's own, or is left to it", () => {
  for (const end of [[], ['Sigmoid'], ['Identity']]) assert.ok(parsed(file({ end })).planHash)
  const classes = source
    .replace('positive: "> 0"', 'classes: { a: A, b: B }')
    .replace('binaryCrossEntropy', 'categoricalCrossEntropy')
  for (const end of [[], ['Softmax'], ['LogSoftmax']]) assert.ok(parsed(file({ outputs: 2, end }), classes).planHash)
  assert.match(problemOf(() => parsed(file({ outputs: 3 }), classes)).problem, /2 classes/)
  const amount = source
    .replace('positive: "> 0"', 'unit: d, range: [0, 9]')
    .replace('binaryCrossEntropy', 'meanSquaredError')
  assert.ok(parsed(file({ end: ['Relu'] }), amount).planHash)
  assert.match(problemOf(() => parsed(file({ end: ['Sigmoid'] }), amount)).problem, /no activation, not in a sigmoid/)
})

test('a file may mark images: by logits, a sigmoid of one label, or a softmax over the labels and nothing else', () => {
  const text = source
    .replace(/ {4}age: .*\n {4}ward: .*\n/, '    scan: { type: image, size: [4, 6] }\n')
    .replace('column: ill, positive: "> 0"', 'column: mask, mask: { 0: ground, 9: lesion }')
    .replace('binaryCrossEntropy', 'dice')
  const softmax = (axis?: number) => ({
    ...node('Softmax', ['z'], 'p'),
    attributes: axis === undefined ? {} : { axis: int(axis) },
  })
  const sigmoid = node('Sigmoid', ['z'], 'p')
  for (const bytes of [
    markingFile(1),
    markingFile(2),
    markingFile(1, [sigmoid]),
    markingFile(2, [softmax(1)]),
    markingFile(2, [softmax(-3)]),
  ])
    assert.ok(parsed(bytes, text).planHash)
  for (const [bytes, problem] of [
    [markingFile(2, [softmax()]), /ends in a Softmax over axis 3, and classes are along axis 1/],
    [markingFile(2, [softmax(2)]), /Softmax over axis 2/],
    [markingFile(2, [sigmoid]), /no activation or a softmax, not in a sigmoid/],
    [markingFile(1, [softmax(1)]), /no activation or a sigmoid, not in a softmax/],
    [markingFile(3), /2 labels, the last layer 3 outputs a pixel/],
    [imageFile([1, 4, 6]), /one output a label.*\[labels, 4, 6\] for an example, not \[1\]/],
  ] as const)
    assert.match(problemOf(() => parsed(bytes, text)).problem, problem)
})

test('a finished model of a file that marks images has probabilities of each pixel, over the labels', () => {
  const text = source
    .replace(/ {4}age: .*\n {4}ward: .*\n/, '    scan: { type: image, size: [4, 6] }\n')
    .replace('column: ill, positive: "> 0"', 'column: mask, mask: { 0: ground, 9: lesion }')
    .replace('binaryCrossEntropy', 'dice')
  const { study, planHash } = parsed(markingFile(2), text)
  const scan = { name: 'scan', type: 'image' as const, extents: [1, 4, 6] as [number, number, number] }
  const { graph, metadata } = decodeModel(
    exportModel({
      study,
      planHash,
      preparation: {
        columns: [{ ...scan, mean: [100], standardDeviation: [50] }],
        normalise: 'global',
        contributors: ['a'],
      },
      weights: plannedModel(markingFile(2)).weights,
    }),
  )
  assert.deepEqual(JSON.parse(metadata.mask ?? ''), { 0: 'ground', 9: 'lesion' })
  const levels = Array.from({ length: 24 }, (_, pixel) => 10 * pixel)
  const found = run(graph, { scan: { type: 'uint8', shape: [1, 1, 4, 6], data: levels } })
  const { data, shape } = numbers(found[graph.outputs[0]?.name ?? ''] ?? assert.fail())
  assert.deepEqual(shape, [1, 2, 4, 6])
  for (const [pixel, level] of levels.entries()) {
    // Weights and biases of ¼ and ½: the logits are a quarter of z + 1 apart, z = (level − 100) / 50.
    const second = 1 / (1 + Math.exp(-((level - 100) / 50 + 1) / 4))
    assert.ok(Math.abs((data[24 + pixel] ?? 0) - second) < 1e-6 && Math.abs((data[pixel] ?? 0) - (1 - second)) < 1e-6)
  }
})

test('a plan that came from elsewhere is checked as the file was', () => {
  const { plan } = parsed()
  const { graph: good } = decodeModel(Uint8Array.fromBase64(plannedModel(file()).graph))
  const [x = assert.fail()] = good.inputs
  const hostile = (graph: typeof good, more: object = {}) => ({
    ...plan,
    model: {
      onnx: { graph: encodeModel(graph, {}, 20).toBase64(), weights: { sha256: 'a'.repeat(64), sizeBytes: 99 } },
      personal: [],
      ...more,
    },
  })
  assert.ok(validatePlan(hostile(good)).planHash)
  const bomb = { ...node('Expand', ['x', 'far'], 'e') }
  const far = { name: 'far', type: 'int64' as const, shape: [2], data: BigInt64Array.of(2n ** 40n, 3n) }
  const cases: readonly (readonly [object, RegExp])[] = [
    [hostile({ ...good, inputs: [{ ...x, shape: ['batch', 7] }, ...good.inputs.slice(1)] }), /./],
    [hostile({ ...good, nodes: [...good.nodes, node('Loop', ['x'], 'y')] }), /Loop/],
    [hostile({ ...good, nodes: [...good.nodes, { ...node('Gemm', ['x'], 'y'), domain: 'com.evil' }] }), /com.evil/],
    [hostile({ ...good, nodes: [bomb, ...good.nodes], initializers: [far] }), /./],
    [
      hostile({
        ...good,
        nodes: [
          ...good.nodes.slice(0, 1),
          { ...node('ArgMax', ['h'], 'a'), attributes: { axis: int(1) } },
          { ...node('Cast', ['a'], 't'), attributes: { to: int(1) } },
          ...good.nodes.slice(2),
        ],
      }),
      /./,
    ],
    [hostile(good, { layers: [{ dense: 1 }] }), /./],
    [{ ...hostile(good), model: { onnx: 'small.onnx', personal: [] } }, /./],
    [
      { ...hostile(good), model: { onnx: { graph: '%%%', weights: { sha256: 'a'.repeat(64), sizeBytes: 9 } } } },
      /base64/,
    ],
    [
      {
        ...hostile(good),
        model: { onnx: { graph: 'A'.repeat(1_400_004), weights: { sha256: 'a'.repeat(64), sizeBytes: 9 } } },
      },
      /at most/,
    ],
  ]
  for (const [mistaken, problem] of cases) {
    const found = problemOf(() => validatePlan(mistaken))
    assert.match(found.problem, problem)
    assert.match(found.field, /^model/)
  }
})

test('adapters stand in the plan as nodes and weights of its graph, beside frozen ones', () => {
  const asked = (more: string): string => source.replace('small.onnx', `small.onnx\n  ${more}`)
  const planOf = (more: string) => {
    const { study, plan, planHash } = parsed(file(), asked(more))
    assert.equal(validatePlan(plan).planHash, planHash)
    assert.deepEqual(Object.keys(study.model).toSorted(), ['frozen', 'onnx', 'personal'])
    return study
  }
  const frozenIn = (more: string) => planOf(more).model.frozen
  const lora = 'lora: { rank: 2, alpha: 4, weights: [hidden.weight] }'
  assert.deepEqual(frozenIn(lora), ['hidden.weight'])
  assert.deepEqual(frozenIn(`${lora}\n  frozen: [out.*, hidden.weight]`), ['out.*', 'hidden.weight'])
  // All of the file's own: adapters alone are learnt.
  const all = ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
  const own = planOf(`${lora}\n  frozen: ["*"]`)
  assert.deepEqual(own.model.frozen, all)
  assert.match(describePlan(own).join('\n'), /10 that are learnt, 11 that are frozen.*40 B of weights to each site/)
  assert.deepEqual(planOf(`${lora}\n  frozen: ["*"]\n  personal: [loraB.hidden.weight]`).model.personal, [
    'loraB.hidden.weight',
  ])
  const placed = (more: string) => {
    const { line, field } = problemOf(() => parsed(file(), asked(more)))
    return [line - source.slice(0, source.indexOf('onnx:')).split('\n').length, field]
  }
  assert.deepEqual(placed('lora: { rank: 2, alpha: 4, weights: [hidden.bias] }'), [1, 'model.lora.weights'])
  assert.deepEqual(placed('personal: []\n  lora: { rank: 0, alpha: 4, weights: [hidden.weight] }'), [
    2,
    'model.lora.rank',
  ])
  assert.deepEqual(placed('lora: { rank: 1, weights: [hidden.weight] }'), [1, 'model.lora.alpha'])
})
