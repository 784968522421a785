import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { WardroundError } from '../../errors.ts'
import { modelSchema } from '../../study/model.ts'
import { sizeOf, type Weights } from '../../weights.ts'
import { graphBuilder } from '../builder.ts'
import { run } from '../interpreter/interpret.ts'
import { float32, numbers, range, type Values } from '../interpreter/values.ts'
import { networkOf } from '../network.ts'
import { formMade } from '../testing/form-made.ts'
import { floats, node, smallFile } from '../testing/small-file.ts'
import { isAdapter } from './adapters.ts'
import { type Planned, plannedModel, plannedNetwork } from './planned.ts'

const exportsOf = ['residual', 'lstm', 'vit'].map(
  (name) => [name, readFileSync(new URL(`../fixtures/exports/${name}.onnx`, import.meta.url))] as const,
)

const valuesOf = (weights: Weights): Values =>
  Object.fromEntries(weights.map(({ name, shape, data }) => [name, float32(shape, [...data])]))

const batch = 2
const examplesFor = ({ input }: { input: readonly number[] }) =>
  float32(
    [batch, ...input],
    range(sizeOf([batch, ...input])).map((index) => Math.sin(index * 1.7)),
  )

/** What a plan's network makes of a few examples. */
function made(planned: Planned, weights: Weights): readonly number[] {
  const network = plannedNetwork(planned)
  const b = graphBuilder()
  const features = examplesFor(network)
  const x = b.input({ name: 'x', type: 'float32', shape: features.shape })
  for (const { name, shape } of network.weights) b.input({ name, type: 'float32', shape })
  const y = b.node('Identity', [network.append(b, x, {})], { name: 'y' })
  return numbers(run(b.build('network', [y]), { x: features, ...valuesOf(weights) }).y ?? assert.fail()).data
}

function assertNear(found: readonly number[], wanted: readonly number[]): void {
  assert.equal(found.length, wanted.length)
  for (const [index, value] of wanted.entries())
    assert.ok(
      Math.abs(value - (found[index] ?? Number.NaN)) < 1e-9 * Math.max(1, Math.abs(value)),
      `${found[index]} and ${value}`,
    )
}

/** W + (alpha / rank)·A·B, by hand. */
function merged(weights: Weights, { rank, alpha }: { rank: number; alpha: number }): Weights {
  const named = new Map(weights.map((tensor) => [tensor.name, tensor]))
  return weights.flatMap((tensor) => {
    if (isAdapter(tensor.name)) return []
    const [a, b] = [named.get(`loraA.${tensor.name}`)?.data, named.get(`loraB.${tensor.name}`)?.data]
    if (a === undefined || b === undefined) return [tensor]
    const columns = b.length / rank
    const data = Array.from(tensor.data, (value, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns]
      const product = range(rank).reduce((sum, k) => sum + (a[row * rank + k] ?? 0) * (b[k * columns + column] ?? 0), 0)
      return value + (alpha / rank) * product
    })
    // In Float64, as the interpreter computes.
    return [{ ...tensor, data: data as unknown as Float32Array<ArrayBuffer> }]
  })
}

for (const [name, file] of exportsOf)
  test(`${name}: it starts as it was, and with other adapters is the model with W + (alpha / rank)·A·B`, () => {
    const lora = { rank: 2, alpha: 3, weights: ['*'] }
    const [plain, adapted] = [plannedModel(file), plannedModel(file, lora)]
    assert.ok(adapted.frozen.length >= 1)
    const own = adapted.weights.filter((tensor) => !isAdapter(tensor.name))
    assert.deepEqual(own, plain.weights)
    assert.equal(adapted.weights.length, plain.weights.length + 2 * adapted.frozen.length)
    assertNear(made(adapted, adapted.weights), made(plain, plain.weights))
    const learnt = adapted.weights.map((tensor, index) =>
      isAdapter(tensor.name)
        ? { ...tensor, data: tensor.data.map((_, at) => Math.fround(Math.cos(at + index) / 8)) }
        : tensor,
    )
    const wanted = made(plain, merged(learnt, lora))
    assertNear(made(adapted, learnt), wanted)
    const x = examplesFor(plannedNetwork(adapted))
    if (name !== 'lstm') assertNear(formMade(adapted, { x, ...valuesOf(learnt) }), wanted)
    assert.notDeepEqual(wanted, made(plain, plain.weights))
    // The same again.
    assert.deepEqual(plannedModel(file, lora), adapted)
  })

test('only what is named has adapters, and of the plan’s weights these are learnt, or somebody’s own', () => {
  const file = smallFile({ inputs: 3 })
  const planned = plannedModel(file, { rank: 1, alpha: 1, weights: ['hidden.*'] })
  assert.deepEqual(planned.frozen, ['hidden.weight'])
  const { graph, weights } = planned
  assert.deepEqual(
    weights.slice(4).map(({ name, shape }) => [name, shape]),
    [
      ['loraA.hidden.weight', [3, 1]],
      ['loraB.hidden.weight', [1, 2]],
    ],
  )
  const [a = assert.fail(), b = assert.fail()] = weights.slice(4)
  assert.ok(a.data.every((value) => Math.abs(value) <= 1 && value !== 0) && b.data.every((value) => value === 0))
  const model = modelSchema.parse({
    onnx: { graph, weights: { sha256: '0'.repeat(64), sizeBytes: 1 } },
    frozen: [...planned.frozen, 'hidden.bias', 'out.*'],
    personal: ['loraB.hidden.weight'],
  })
  assert.deepEqual(
    networkOf(model, 3).weights.flatMap(({ name, learnt }) => (learnt ? [name] : [])),
    ['loraA.hidden.weight', 'loraB.hidden.weight'],
  )
})

test('a name of nothing that is multiplied is refused with those that are', () => {
  const problem = (weights: readonly string[], file = smallFile()): string => {
    try {
      plannedModel(file, { rank: 1, alpha: 1, weights: [...weights] })
    } catch (error) {
      assert.ok(error instanceof WardroundError && error.code === 'WR_STUDY_INVALID')
      assert.equal(error.parameters.field, 'model.lora.weights')
      return String(error.parameters.problem)
    }
    return assert.fail('this has adapters')
  }
  assert.match(problem(['hidden.bias']), /hidden\.bias is no weight .* hidden\.weight, out\.weight/)
  assert.match(problem(['hidden.weight', 'nothing*']), /nothing\*/)
})

test('names that the file has already are not taken', () => {
  const file = smallFile({
    last: 'lora/sum/hidden.weight',
    initializers: [floats('shift', [], [0.5])],
    nodes: [node('Add', ['t', 'shift'], 'lora/sum/hidden.weight')],
  })
  const lora = { rank: 1, alpha: 1, weights: ['*'] }
  const [plain, adapted] = [plannedModel(file), plannedModel(file, lora)]
  assertNear(made(adapted, adapted.weights), made(plain, plain.weights))
})
