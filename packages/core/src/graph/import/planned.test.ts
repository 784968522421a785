import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type ErrorCode, WardroundError } from '../../errors.ts'
import { optimizerSchema } from '../../study/optimizer.ts'
import { graphBuilder } from '../builder.ts'
import { decodeModel } from '../decode-model.ts'
import { encodeModel } from '../encode-model.ts'
import { run } from '../interpreter/interpret.ts'
import { float32, numbers, type Values } from '../interpreter/values.ts'
import { float, type Graph, int } from '../ir.ts'
import { appendStep, stepParts } from '../step.ts'
import { formMade } from '../testing/form-made.ts'
import { floats, node, smallFile } from '../testing/small-file.ts'
import { importModel } from './network.ts'
import { plannedForm, plannedGraph, plannedModel, plannedNetwork } from './planned.ts'

const exportsOf = ['lstm', 'residual', 'unet', 'vit'].map(
  (name) => [name, readFileSync(new URL(`../fixtures/exports/${name}.onnx`, import.meta.url))] as const,
)
const refused = (code: ErrorCode, problem: RegExp) => (error: unknown) =>
  error instanceof WardroundError && error.code === code && problem.test(String(error.parameters.problem))
const planOf = (graph: Graph, opset = 20) => ({ graph: encodeModel(graph, {}, opset).toBase64() })

for (const [name, file] of exportsOf)
  test(`${name}: the plan's network is the file's, and holds none of its weights`, () => {
    const { network, weights } = importModel(decodeModel(file))
    const planned = plannedModel(file)
    const own = plannedNetwork(planned)
    const told = ({ input, output, draws, activation }: typeof own) => ({ input, output, draws, activation })
    assert.deepEqual(told(own), told(network))
    assert.deepEqual(
      own.weights.map(({ name: _, ...spec }) => spec),
      network.weights.map(({ name: _, ...spec }) => spec),
    )
    assert.deepEqual(
      planned.weights.map(({ data }) => data),
      weights,
    )
    assert.deepEqual(
      planned.weights.map((tensor) => tensor.name),
      own.weights.map((spec) => spec.name),
    )
    const constants = plannedGraph(planned).initializers.reduce((sum, { data }) => sum + data.length, 0)
    assert.ok(constants < 2000 && file.length > 2 * constants, `${constants} values`)
    // The same file, the same plan.
    assert.equal(plannedModel(file).graph, planned.graph)
  })

/** What a graph of prediction makes of random features, for a batch of any size. */
function bothMade(file: Uint8Array, batch: number): { form: readonly number[]; network: readonly number[] } {
  const planned = plannedModel(file)
  const network = plannedNetwork(planned)
  const size = network.input.reduce((product, extent) => product * extent, batch)
  const features = float32(
    [batch, ...network.input],
    Array.from({ length: size }, (_, index) => Math.sin(index * 1.7)),
  )
  const weights: Values = Object.fromEntries(
    planned.weights.map(({ name, shape, data }) => [name, float32(shape, [...data])]),
  )
  const b = graphBuilder()
  const x = b.input({ name: 'x', type: 'float32', shape: features.shape })
  for (const { name, shape } of network.weights) b.input({ name, type: 'float32', shape })
  const y = b.node('Identity', [network.append(b, x, {})], { name: 'y' })
  const feeds = { x: features, ...weights }
  const made = numbers(run(b.build('network', [y]), feeds).y ?? assert.fail()).data
  return { form: formMade(planned, feeds), network: made }
}

for (const [name, file] of exportsOf.filter(([each]) => each !== 'unet'))
  test(`${name}: as others run it, it predicts what we do, for any number of examples`, () => {
    for (const batch of [1, 3]) {
      const { form, network } = bothMade(file, batch)
      assert.equal(form.length, network.length)
      for (const [index, value] of form.entries())
        assert.ok(Math.abs(value - (network[index] ?? 0)) < 1e-9, `${value} ${network[index]}`)
    }
  })

test('as others run it, nothing is dropped and nothing normalised by its batch, however the file was exported', () => {
  const training = { name: 'training', type: 'bool' as const, shape: [], data: Uint8Array.of(1) }
  const file = smallFile({
    last: 'dropped',
    initializers: [
      ...['scale', 'shift', 'mean'].map((name, index) => floats(`norm.${name}`, [2], [index + 1, 2])),
      floats('norm.variance', [2], [0.5, 3]),
      floats('share', [], [0.5]),
      training,
    ],
    nodes: [
      {
        ...node('BatchNormalization', ['t', 'norm.scale', 'norm.shift', 'norm.mean', 'norm.variance'], 'n'),
        outputs: ['n', 'm', 'v'],
        attributes: { epsilon: float(0.25), momentum: float(0.5), training_mode: int(1) },
      },
      node('Dropout', ['n', 'share', 'training'], 'dropped'),
    ],
  })
  const { form, network } = bothMade(file, 3)
  assert.equal(form.length, 3)
  for (const [index, value] of form.entries()) assert.ok(Math.abs(value - (network[index] ?? 0)) < 1e-9)
  assert.deepEqual(
    plannedForm(plannedModel(file)).nodes.map(({ op }) => op),
    ['Gemm', 'Tanh', 'BatchNormalization', 'Identity', 'Gemm'],
  )
})

test('no weight can be called as something of ours is', () => {
  const taken = ['weight', 'features', 'target', 'Gemm_1', 'const_0.5', 'axes_1', 'step/batch', 'a b.c', 'onnx::Gemm_7']
  for (const name of taken) {
    const planned = plannedModel(smallFile({ names: [name, 'hidden.bias'] }))
    const [first, second] = plannedNetwork(planned).weights.map((spec) => spec.name)
    assert.deepEqual([first, second], [name === 'a b.c' ? 'a_b.c' : `model.${name}`, 'hidden.bias'])
    // A whole step has all names of ours.
    const model = { onnx: { ...planned, weights: { sha256: '', sizeBytes: 1 } }, personal: [] }
    const training = {
      loss: 'binaryCrossEntropy',
      optimizer: optimizerSchema.parse({ adam: { rate: 0.1 } }),
      l2: 0.1,
    } as const
    const options = { model, training, inputs: 1, batch: 4, weighted: true, proximalMu: 1, corrected: true }
    const parts = stepParts(options)
    const b = graphBuilder('step/')
    for (const value of parts.outer) b.outer(value)
    appendStep(b, options, parts)
  }
  for (const name of ['1.weight', 'layer1.0.conv.weight', 'a.b/c:0'])
    assert.equal(plannedModel(smallFile({ names: [name, 'b.b'] })).weights[0]?.name, name)
  // Two that would be called alike are no model.
  const twice = smallFile({ names: ['model.weight', 'weight'] })
  assert.throws(() => plannedNetwork(plannedModel(twice)), refused('WR_GRAPH_INVALID', /model.weight/))
})

test('empty tensors are constants, and constants that nothing uses are left out', () => {
  const file = smallFile({
    initializers: [floats('roi', [0], []), floats('idle', [3], [1, 2, 3]), floats('scales', [2], [1, 2])],
    nodes: [node('Shape', ['roi'], 'extents')],
  })
  const { inputs, initializers } = plannedGraph(plannedModel(file))
  assert.deepEqual(
    inputs.map(({ name }) => name),
    ['x', 'hidden.weight', 'hidden.bias', 'out.weight', 'out.bias'],
  )
  assert.deepEqual(
    initializers.map(({ name }) => name),
    ['roi'],
  )
})

test("a graph out of a plan is a stranger's", () => {
  const good = decodeModel(Uint8Array.fromBase64(plannedModel(smallFile()).graph)).graph
  const [x = assert.fail(), weight = assert.fail(), ...others] = good.inputs
  const cases: readonly (readonly [Graph, ErrorCode, RegExp])[] = [
    [{ ...good, inputs: [] }, 'WR_GRAPH_REFUSED', /no input/],
    [{ ...good, outputs: [] }, 'WR_GRAPH_REFUSED', /no output/],
    [{ ...good, inputs: [{ ...x, shape: [4, 1] }, weight, ...others] }, 'WR_GRAPH_REFUSED', /batch/],
    [{ ...good, inputs: [x, { ...weight, shape: ['n', 2] }, ...others] }, 'WR_GRAPH_INVALID', /hidden.weight is n/],
    [{ ...good, inputs: [x, { ...weight, shape: [2 ** 26, 2 ** 26] }, ...others] }, 'WR_GRAPH_REFUSED', /weights/],
    [{ ...good, inputs: [x, { ...weight, type: 'int64' }, ...others] }, 'WR_GRAPH_INVALID', /no weight/],
    [{ ...good, inputs: [...good.inputs, { ...weight, name: 'idle.w' }] }, 'WR_GRAPH_INVALID', /idle.w is no weight/],
    [{ ...good, initializers: [floats('hidden.weight', [1, 2], [1, 1])] }, 'WR_GRAPH_INVALID', /no weight/],
    [
      { ...good, nodes: [...good.nodes, { ...node('Evil', ['x'], 'e'), domain: 'own' }] },
      'WR_GRAPH_REFUSED',
      /own.Evil/,
    ],
    [{ ...good, nodes: [...good.nodes, node('NonZero', ['x'], 'e')] }, 'WR_GRAPH_REFUSED', /NonZero/],
    [{ ...good, nodes: [...good.nodes, node('Loop', ['x'], 'e')] }, 'WR_GRAPH_REFUSED', /Loop/],
    [{ ...good, nodes: good.nodes.toReversed() }, 'WR_GRAPH_INVALID', /nothing before it computes/],
    [
      {
        ...good,
        inputs: [x, { ...weight, name: 'lonely' }, ...others],
        nodes: good.nodes.map((each) => ({
          ...each,
          inputs: each.inputs.map((name) => (name === 'hidden.weight' ? 'lonely' : name)),
        })),
      },
      'WR_GRAPH_INVALID',
      /lonely cannot be/,
    ],
  ]
  for (const [graph, code, problem] of cases) assert.throws(() => plannedNetwork(planOf(graph)), refused(code, problem))
  assert.throws(() => plannedNetwork({ graph: '§' }), refused('WR_GRAPH_INVALID', /base64/))
  assert.throws(() => plannedNetwork({ graph: 'AAAA' }), refused('WR_GRAPH_INVALID', /./))
  const many = Array.from({ length: 20_001 }, (_, index) =>
    node('Neg', [index === 0 ? 'x' : `n${index}`], `n${index + 1}`),
  )
  assert.throws(
    () => plannedNetwork(planOf({ ...good, nodes: [...good.nodes, ...many] })),
    refused('WR_GRAPH_REFUSED', /nodes/),
  )
  assert.equal(plannedNetwork(planOf(good)).weights.length, 4)
})

test('a file whose constants are large has no place in a plan', () => {
  const data = BigInt64Array.from({ length: 200_000 }, (_, index) => BigInt(index % 2))
  const large = smallFile({
    initializers: [{ name: 'places', type: 'int64', shape: [data.length], data }],
    nodes: [node('Gather', ['t', 'places'], 'never')],
  })
  assert.throws(() => plannedModel(large), refused('WR_GRAPH_REFUSED', /1562 KiB, and a plan takes 1025/))
})
