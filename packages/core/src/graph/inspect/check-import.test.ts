import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import { type ErrorCode, WardroundError } from '../../errors.ts'
import { obstacleWords, remarkWords } from '../../words/en/model-check.ts'
import { encodeModel } from '../encode-model.ts'
import { type Attribute, type Dim, type Graph, int, type Node, subgraph, type Tensor } from '../ir.ts'
import { checkImport, type ImportCheck } from './check-import.ts'

const node = (
  op: string,
  [inputs, outputs]: readonly [inputs: readonly string[], outputs: readonly string[]],
  { attributes = {}, domain = '' }: { attributes?: Readonly<Record<string, Attribute>>; domain?: string } = {},
): Node => ({ op, domain, inputs, outputs, attributes })

const floats = (name: string, shape: readonly number[]): Tensor => ({
  name,
  type: 'float32',
  shape,
  data: new Float32Array(shape.reduce((size, extent) => size * extent, 1)).fill(0.5),
})

type Parts = {
  readonly nodes: readonly Node[]
  readonly weights?: readonly Tensor[]
  readonly shape?: readonly Dim[]
  readonly inputs?: readonly string[]
  readonly outputs?: readonly string[]
}

/** From `x` to `y`. */
const fileOf = ({ nodes, weights = [], shape = ['n', 4], inputs = ['x'], outputs = ['y'] }: Parts): Uint8Array =>
  encodeModel(graphOf({ nodes, weights, shape, inputs, outputs }))

const graphOf = ({ nodes, weights, shape, inputs, outputs }: Required<Parts>): Graph => ({
  name: 'model',
  inputs: inputs.map((name) => ({ name, type: 'float32', shape })),
  outputs: outputs.map((name) => ({ name, type: 'float32', shape: ['n', 3] })),
  initializers: weights,
  nodes,
})

const dense = (x: string, y: string): Node => node('Gemm', [[x, 'w', 'b'], [y]])
const denseWeights = [floats('w', [4, 4]), floats('b', [4])]

/** What is found, each finding with its sentences, which hold no holes. */
function checked(bytes: Uint8Array): ImportCheck {
  const check = checkImport(bytes)
  const said = [
    ...check.obstacles.flatMap((found) => Object.values(obstacleWords(found))),
    ...check.remarks.map(remarkWords),
  ]
  for (const sentence of said) {
    assert.doesNotMatch(sentence, /undefined|NaN|\[object/)
    assert.doesNotMatch(sentence, /[\p{Cc}\p{Cs}]/u)
    assert.match(sentence, /[.)]$/)
  }
  return check
}

const obstaclesOf = (bytes: Uint8Array): ImportCheck['obstacles'] => checked(bytes).obstacles

test('a model that can be trained has no obstacles, and comes imported', () => {
  const { obstacles, remarks, isCutShort, model, operators } = checked(
    fileOf({ nodes: [dense('x', 'h'), node('Relu', [['h'], ['r']]), dense('r', 'y')], weights: denseWeights }),
  )
  assert.deepEqual(obstacles, [])
  assert.equal(isCutShort, false)
  assert.deepEqual(
    model?.network.weights.map(({ name }) => name),
    ['w', 'b'],
  )
  assert.deepEqual(operators, [
    { op: 'Gemm', domain: '', count: 2 },
    { op: 'Relu', domain: '', count: 1 },
  ])
  // The file uses the same bias twice.
  assert.deepEqual(remarks, [{ kind: 'merged', tensors: ['b'], uses: 2 }])
})

test('every unknown operator is told, with how often and whose it is, wherever it stands', () => {
  const bytes = fileOf({
    nodes: [
      node('NonZero', [['x'], ['a']]),
      node('FancyThing', [['x'], ['b']], { domain: 'com.example' }),
      node('NonZero', [['b'], ['c']]),
      node('Loop', [['', '', 'c'], ['y']], {
        attributes: {
          body: subgraph(
            graphOf({
              nodes: [node('StringConcat', [['x'], ['q']])],
              weights: [],
              shape: [],
              inputs: [],
              outputs: ['q'],
            }),
          ),
        },
      }),
    ],
  })
  const { obstacles, isCutShort, model } = checked(bytes)
  assert.deepEqual(obstacles, [
    { kind: 'operator', op: 'NonZero', domain: '', count: 2 },
    { kind: 'operator', op: 'FancyThing', domain: 'com.example', count: 1 },
    { kind: 'operator', op: 'Loop', domain: '', count: 1 },
    { kind: 'operator', op: 'StringConcat', domain: '', count: 1 },
  ])
  assert.equal(isCutShort, true)
  assert.equal(model, undefined)
})

test('known operators used in unsupported ways are all told, once for each way', () => {
  const condition = (y: string): Node =>
    node('If', [['x'], [y]], {
      attributes: {
        then_branch: subgraph(graphOf({ nodes: [], weights: [], shape: [], inputs: [], outputs: [] })),
      },
    })
  const bytes = fileOf({
    nodes: [
      condition('a'),
      condition('b'),
      node('Concat', [['x', 'x'], ['c']], { attributes: { axis: int(9) } }),
      // Of what is lost nothing more is said.
      node('Concat', [['a', 'c'], ['y']], { attributes: { axis: int(9) } }),
    ],
  })
  const found = obstaclesOf(bytes)
  assert.deepEqual(
    found.map((obstacle) => ('op' in obstacle ? [obstacle.kind, obstacle.op, obstacle.count] : [])),
    [
      ['use', 'If', 2],
      ['use', 'Concat', 1],
    ],
  )
})

test('what can be computed but not differentiated is told only where something before it would learn', () => {
  const hard = (x: string, y: string): readonly Node[] => [node('Hardmax', [[x], [y]])]
  assert.deepEqual(
    obstaclesOf(fileOf({ nodes: [dense('x', 'h'), ...hard('h', 'r'), dense('r', 'y')], weights: denseWeights })),
    [{ kind: 'gradient', op: 'Hardmax', count: 1 }],
  )
  assert.deepEqual(obstaclesOf(fileOf({ nodes: [...hard('x', 'r'), dense('r', 'y')], weights: denseWeights })), [])
})

test('a node without its operands is told like any other that cannot be used so', () => {
  const [found] = obstaclesOf(fileOf({ nodes: [node('Add', [[], ['z']]), dense('x', 'y')], weights: denseWeights }))
  assert.equal(found?.kind, 'use')
})

test('conditions are no obstacle: nothing flows through them', () => {
  const nodes = [dense('x', 'h'), node('Greater', [['h', 'x'], ['is']]), node('Where', [['is', 'h', 'x'], ['y']])]
  assert.deepEqual(obstaclesOf(fileOf({ nodes, weights: denseWeights })), [])
})

test('inputs: one, of any batch, of fixed extents', () => {
  const plain = { nodes: [dense('x', 'y')], weights: denseWeights }
  assert.deepEqual(obstaclesOf(fileOf({ ...plain, inputs: ['x', 'z'] })), [{ kind: 'inputs', names: ['x', 'z'] }])
  assert.deepEqual(obstaclesOf(fileOf({ ...plain, inputs: [] })), [{ kind: 'inputs', names: [] }])
  assert.deepEqual(obstaclesOf(fileOf({ ...plain, shape: [1, 4] })), [{ kind: 'fixedBatch', batch: 1 }])
  assert.deepEqual(obstaclesOf(fileOf({ ...plain, shape: ['n', 'wide'] })), [
    { kind: 'openExtents', name: 'x', shape: ['n', 'wide'] },
  ])
  const bytes = encodeModel({
    ...graphOf({ shape: ['n', 4], inputs: [], outputs: ['y'], ...plain }),
    inputs: [{ name: 'x', type: 'int64', shape: ['n', 4] }],
  })
  assert.deepEqual(obstaclesOf(bytes)[0], { kind: 'inputType', name: 'x', type: 'int64' })
})

test('a model without weights has nothing to learn', () => {
  assert.deepEqual(obstaclesOf(fileOf({ nodes: [node('Relu', [['x'], ['y']])] })), [{ kind: 'nothingLearnt' }])
})

test('a trace has what is computed of an example, and of one example: no other names, no constants, each weight once', () => {
  const nodes = [
    dense('x', 'h'),
    node('Identity', [['h'], ['same']]),
    node('Transpose', [['same'], ['t']]),
    node('Transpose', [['t'], ['back']]),
    // Of weights alone: part of what uses it.
    node('Exp', [['scale'], ['grown']]),
    node('Mul', [['back', 'grown'], ['m']]),
    dense('m', 'y'),
  ]
  const { trace } = checked(fileOf({ nodes, weights: [...denseWeights, floats('scale', [4])] }))
  assert.deepEqual(trace.nodes, [
    { op: 'Gemm', name: 'h', output: [4], from: [-1], weights: ['w', 'b'] },
    { op: 'Transpose', name: 't', output: [4], from: [0], weights: [] },
    { op: 'Transpose', name: 'back', output: [4], from: [1], weights: [] },
    { op: 'Mul', name: 'm', output: [4], from: [2], weights: ['scale'] },
    { op: 'Gemm', name: 'y', output: [4], from: [3], weights: [] },
  ])
})

type Field = readonly [field: number, value: Uint8Array | string | number]

/** A message of fields, as protobuf has it: for what our own writer would never write. */
function message(...fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter()
  for (const [field, value] of fields) {
    if (typeof value === 'number') writer.tag(field, WireType.Varint).int64(value)
    else if (typeof value === 'string') writer.tag(field, WireType.LengthDelimited).string(value)
    else writer.tag(field, WireType.LengthDelimited).bytes(value)
  }
  return writer.finish()
}

const opset = (version: number): Field => [8, message([2, version])]
const value = (name: string, type = 1): Uint8Array =>
  message([1, name], [2, message([1, message([1, type], [2, message([1, message([2, 'n'])], [1, message([1, 4])])])])])
const graph = (...fields: readonly Field[]): Field => [
  7,
  message([11, value('x')], [12, value('y')], [1, message([1, 'x'], [2, 'y'], [4, 'Relu'])], ...fields),
]

test('what a file brings along that no site takes is told together', () => {
  const elsewhere = message([1, 4], [2, 1], [8, 'far'], [14, 1])
  const half = message([1, 4], [2, 10], [8, 'half'])
  const found = checked(message(opset(7), graph([5, elsewhere], [5, half], [15, message()]), [25, message()]))
  assert.deepEqual(found.obstacles, [
    { kind: 'opset', opset: 7, oldest: 11, newest: 25 },
    { kind: 'functions', count: 1 },
    { kind: 'external', count: 1 },
    { kind: 'sparse', count: 1 },
    { kind: 'type', type: 'float16', count: 1 },
  ])
  assert.equal(found.isCutShort, true)
})

test('what else keeps a file from being read is told in the words of the reader', () => {
  const short = message([1, 4], [2, 1], [8, 'short'], [9, new Uint8Array(4)])
  const [found, ...others] = obstaclesOf(message(opset(20), graph([5, short])))
  assert.equal(found?.kind, 'other')
  assert.deepEqual(others, [])
  assert.match(found?.kind === 'other' ? found.problem : '', /short/)
})

const entry = (key: string, text: string): Field => [9, message([1, key], [2, text])]

test('what PyTorch’s exporter did to a model is remarked on', () => {
  const made = (name: string, shape: readonly number[]): Field => {
    const size = shape.reduce((product, extent) => product * extent, 1)
    return [5, message(...shape.map((extent): Field => [1, extent]), [2, 1], [8, name], [9, new Uint8Array(4 * size)])]
  }
  const folded = message(
    [1, 'y0'],
    [1, 'val_2'],
    [2, 'y2'],
    [4, 'MatMul'],
    entry('pkg.onnxscript.rewriter.rule_name', 'FuseBatchNormIntoGemm'),
  )
  const bytes = message([2, 'pytorch'], [3, '2.15.0'], opset(20), [
    7,
    message(
      [11, value('x')],
      [12, value('y2')],
      [12, value('y0')],
      [1, message([1, 'x'], [1, 'val_1'], [2, 'y0'], [4, 'Add'])],
      [1, folded],
      made('val_1', [4]),
      made('val_2', [4, 4]),
    ),
  ])
  const { obstacles, remarks, survey } = checked(bytes)
  assert.deepEqual(obstacles, [])
  assert.equal(survey.producer, 'pytorch 2.15.0')
  assert.deepEqual(remarks, [
    { kind: 'madeUpConstants', tensors: ['val_1'], values: 4 },
    { kind: 'madeUpNames', tensors: ['val_2'] },
    { kind: 'foldedNormalization', count: 1 },
    { kind: 'noDropout' },
    { kind: 'outputs', names: ['y2', 'y0'] },
  ])
})

test('parts of a model are called as exporters call them', () => {
  const named = (...fields: readonly Field[]): Field => [1, message([1, 'x'], [2, 'y'], [4, 'Relu'], ...fields)]
  const { survey } = checkImport(
    message(opset(20), [
      7,
      message(
        named(entry('pkg.torch.onnx.name_scopes', "['', 'blocks', 'blocks.0', 'blocks.0.act', 'relu']")),
        named([3, '/blocks/blocks.0/act/Relu']),
        named([3, 'model/dense/Relu']),
        named([3, 'relu']),
      ),
    ]),
  )
  assert.deepEqual(
    survey.nodes.map(({ module }) => module),
    ['blocks.0.act', 'blocks.0.act', 'model.dense', ''],
  )
})

const isCoded = (error: unknown): boolean => {
  const codes: readonly ErrorCode[] = ['WR_GRAPH_INVALID']
  return error instanceof WardroundError && codes.includes(error.code)
}

test('bytes that are no model are refused with a code, and what is left of one is looked at or refused', () => {
  const whole = fileOf({ nodes: [dense('x', 'h'), node('Relu', [['h'], ['y']])], weights: denseWeights })
  const tryIt = (bytes: Uint8Array): void => {
    try {
      checked(bytes)
    } catch (error) {
      assert.ok(isCoded(error), String(error))
    }
  }
  assert.throws(() => checkImport(new Uint8Array()), isCoded)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), tryIt), { numRuns: 300 })
  for (let length = 0; length < whole.length; length += 3) tryIt(whole.subarray(0, length))
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (place, byte) =>
      tryIt(whole.slice().fill(byte, place, place + 1)),
    ),
    { numRuns: 400 },
  )
})

test('graphs inside graphs are followed only so deep', () => {
  let inner = message()
  for (let depth = 0; depth < 12; depth++) inner = message([1, message([4, 'If'], [5, message([6, inner])])])
  assert.throws(() => checkImport(message([7, inner])), isCoded)
})
