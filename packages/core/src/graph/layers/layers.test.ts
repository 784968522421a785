/** Every kind of layer: against Keras, and what it says of itself against the graph that it makes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '../../errors.ts'
import { layerKinds } from '../../study/layer-kinds.ts'
import { layerSchema } from '../../study/layers.ts'
import { graphBuilder } from '../builder.ts'
// Keras on the same weights and inputs; fixtures/make_layers.py says how.
import fixture from '../fixtures/layers.json' with { type: 'json' }
import { run } from '../interpreter/interpret.ts'
import { float32, numbers } from '../interpreter/values.ts'
import { appendLayers } from './branches.ts'
import type { Extents, Layer } from './layer.ts'
import { resolveLayers } from './resolve.ts'

const layersOf = (specs: readonly unknown[], input: Extents): readonly Layer[] =>
  resolveLayers(
    specs.map((spec) => layerSchema.parse(spec)),
    input,
  )

/** What the layers make of `x`, for a batch of 2; the shape is that which they announce. */
function made(
  specs: readonly unknown[],
  input: Extents,
  { x, weights }: { x: readonly number[]; weights: readonly (readonly number[])[] },
): readonly number[] {
  const layers = layersOf(specs, input)
  const b = graphBuilder()
  const name = b.input({ name: 'x', type: 'float32', shape: [2, ...input] })
  const all = layers.flatMap((layer) => layer.weights)
  assert.equal(all.length, weights.length)
  for (const spec of all) b.input({ ...spec, type: 'float32' })
  const y = appendLayers(b, layers, { x: name, context: {} })
  assert.deepEqual(b.shape(y), [2, ...(layers.at(-1)?.output ?? input)], JSON.stringify(specs))
  const feeds = Object.fromEntries(all.map((spec, index) => [spec.name, float32(spec.shape, weights[index] ?? [])]))
  const values = run(b.build('layers', [b.node('Identity', [y], { name: 'y' })]), {
    ...feeds,
    x: float32([2, ...input], x),
  })
  return numbers(values.y ?? assert.fail()).data
}

const assertNear = (found: readonly number[], wanted: readonly number[], what: string): void =>
  assert.ok(
    found.length === wanted.length &&
      wanted.every(
        (value, index) => Math.abs(value - (found[index] ?? Number.NaN)) <= 2e-5 * Math.max(1, Math.abs(value)),
      ),
    `${what}: [${found.join(', ')}], by Keras [${wanted.join(', ')}]`,
  )

/** Kinds that Keras has as functions of several inputs. */
const joining = ['residual', 'add', 'concat', 'dropout']

test('every kind of layer is among the cases', () => {
  const kinds = new Set(fixture.cases.flatMap(({ layer }) => Object.keys(layer).slice(0, 1)))
  assert.deepEqual([...kinds, ...joining].toSorted(), [...layerKinds].toSorted())
})

test('layers make what Keras makes, from weights of the shapes that they announce', () => {
  for (const { layer, input, weights, x, y } of fixture.cases) {
    const what = JSON.stringify([layer, input])
    const announced = layersOf([layer], input).flatMap((one) => one.weights.map(({ shape }) => shape))
    assert.deepEqual(
      announced,
      weights.map(({ shape }) => shape),
      what,
    )
    assertNear(made([layer], input, { x: x.data, weights: weights.map(({ data }) => data) }), y.data, what)
  }
})

test('branches meet: added up, or one behind the other', () => {
  const x = [1, -2, 3, 4, 5, -6]
  const doubled = [2, 0, 0, 0, 2, 0, 0, 0, 2]
  const dense = { dense: 3, bias: false }
  assert.deepEqual(made([{ residual: [dense] }], [3], { x, weights: [doubled] }), [3, -6, 9, 12, 15, -18])
  assert.deepEqual(
    made([{ residual: [dense], activation: 'relu' }], [3], { x, weights: [doubled] }),
    [3, 0, 9, 12, 15, 0],
  )
  assert.deepEqual(made([{ add: [[dense], [], []] }], [3], { x, weights: [doubled] }), [4, -8, 12, 16, 20, -24])
  assert.deepEqual(
    made([{ concat: [[], [dense]] }], [3], { x, weights: [doubled] }),
    [1, -2, 3, 2, -4, 6, 4, 5, -6, 8, 10, -12],
  )
  // Images meet along their channels, series along their features.
  assert.deepEqual(layersOf([{ concat: [[], [{ conv2d: 4, kernel: 1 }]] }], [3, 2, 2])[0]?.output, [7, 2, 2])
  assert.deepEqual(layersOf([{ concat: [[], [{ dense: 4 }]] }], [5, 3])[0]?.output, [5, 7])
})

test('layers that do not fit are refused, by name', () => {
  const cases: readonly (readonly [readonly unknown[], Extents, RegExp])[] = [
    [[{ conv2d: 1, kernel: 1 }], [4], /conv2d needs \[channels, height, width\] and gets \[4\]/],
    [[{ conv2d: 1, kernel: 3 }], [1, 2, 9], /window of 3 does not fit into 2/],
    [[{ conv1d: 3, kernel: 1, groups: 2 }], [2, 4], /2 groups/],
    [[{ conv1d: 2, kernel: 1, groups: 2 }], [3, 4], /2 groups/],
    [[{ conv1dTranspose: 1, kernel: 1, padding: 3 }], [1, 2], /makes \[-4\]/],
    [[{ dense: 1 }], [1, 2, 2], /flatten/],
    [[{ reshape: [4] }], [3], /\[3\] cannot become \[4\]/],
    [[{ permute: [1, 1] }], [2, 2], /no order of 2 axes/],
    [[{ residual: [{ dense: 2 }] }], [3], /residual cannot add \[2\] and \[3\]/],
    [[{ concat: [[], [{ conv2d: 1, kernel: 2 }]] }], [1, 3, 3], /cannot join/],
  ]
  for (const [specs, input, problem] of cases)
    assert.throws(
      () => layersOf(specs, input),
      (error) =>
        error instanceof WardroundError &&
        error.code === 'WR_STUDY_INVALID' &&
        problem.test(String(error.parameters.problem)),
      JSON.stringify(specs),
    )
})

test('an adapter starts as the layer that it adapts, adds its product, and is all that is learnt', () => {
  const lora = { rank: 1, alpha: 3 }
  const x = [1, 2, 3, 4]
  const own = [1, 2, 3, 4]
  const [a, thin] = [
    [1, -1],
    [2, 1],
  ]
  // W + 3·A·B: [[1, 2], [3, 4]] + 3·[[2, 1], [-2, -1]].
  const adaptedDense = made([{ dense: 2, bias: false, lora }], [2], { x, weights: [own, a, thin] })
  assert.deepEqual(adaptedDense, made([{ dense: 2, bias: false }], [2], { x, weights: [[7, 5, -3, 1]] }))
  const conv = { conv1d: 2, kernel: 1, bias: false }
  const columns = [2, 1]
  assert.deepEqual(
    made([{ ...conv, lora }], [2, 1], { x, weights: [own, a, columns] }),
    made([conv], [2, 1], { x, weights: [[7, 5, -3, 1]] }),
  )
  const [layer] = layersOf([{ dense: 2, lora, name: 'd' }], [3])
  assert.deepEqual(
    layer?.weights.map(({ name, shape, learnt, frozen }) => ({ name, shape, learnt, frozen })),
    [
      { name: 'd.kernel', shape: [3, 2], learnt: false, frozen: true },
      { name: 'd.bias', shape: [2], learnt: false, frozen: true },
      { name: 'd.loraA', shape: [3, 1], learnt: true, frozen: undefined },
      { name: 'd.loraB', shape: [1, 2], learnt: true, frozen: undefined },
    ],
  )
  assert.deepEqual(layer?.weights.at(-1)?.initial, { constant: 0 })
})

test('what a relu rectifies before a max-pool, it rectifies behind it: the same values, and fewer of them', () => {
  const convolved = { conv1d: 1, kernel: 1, bias: false }
  const pool = { maxPool1d: 2, padding: 'same' }
  const given = { x: [-1, 2, -3, 4, 5, -6, -7, -8, 0, -2], weights: [[1]] }
  assert.deepEqual(made([{ ...convolved, activation: 'relu' }, pool], [1, 5], given), [2, 4, 5, 0, 0, 0])
  const b = graphBuilder()
  const layers = layersOf([{ ...convolved, activation: 'relu' }, pool], [1, 5])
  for (const spec of layers.flatMap(({ weights }) => weights)) b.input({ ...spec, type: 'float32' })
  const y = appendLayers(b, layers, { x: b.input({ name: 'x', type: 'float32', shape: [2, 1, 5] }), context: {} })
  assert.deepEqual(
    b.build('pooled', [y]).nodes.map(({ op }) => op),
    ['Conv', 'MaxPool', 'Relu'],
  )
})
