import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type OptimizerSpec, optimizerSchema } from '../../study/optimizer.ts'
import { graphBuilder } from '../builder.ts'
import { run } from '../interpreter/interpret.ts'
import { float32, numbers, type Values } from '../interpreter/values.ts'
import { checkGraph } from '../safelist.ts'
import { optimizerOf } from './registry.ts'

const weights = [
  { name: 'a.kernel', shape: [2, 1] },
  { name: 'a.bias', shape: [1] },
]

/** Two weights through steps with given gradients; what is carried starts at its first value. */
function steps(spec: OptimizerSpec, gradients: readonly (readonly [number, number, number])[]): readonly Values[] {
  const optimizer = optimizerOf(spec)
  const state = optimizer.state(weights)
  const b = graphBuilder()
  for (const { name, shape } of [...weights, ...state]) b.input({ name, type: 'float32', shape })
  for (const { name, shape } of weights) b.input({ name: `${name}'`, type: 'float32', shape })
  const next = optimizer.step(
    b,
    weights.map(({ name }) => ({ name, gradient: `${name}'` })),
  )
  const carried = [...weights, ...state].map(({ name }) => name)
  assert.deepEqual([...next.keys()].toSorted(), carried.toSorted())
  const graph = b.build(
    'step',
    carried.map((name) => next.get(name) ?? assert.fail(name)),
  )
  checkGraph(graph)
  for (const [index, { shape }] of graph.outputs.entries())
    assert.deepEqual(shape, [...weights, ...state][index]?.shape)
  let now: Values = {
    'a.kernel': float32([2, 1], [1, -1]),
    'a.bias': float32([1], [0.5]),
    ...Object.fromEntries(
      state.map(({ name, shape, initial }) => [
        name,
        float32(shape, new Array(Math.max(1, shape[0] ?? 1)).fill(initial)),
      ]),
    ),
  }
  return gradients.map(([first, second, bias]) => {
    const outputs = run(graph, {
      ...now,
      "a.kernel'": float32([2, 1], [first, second]),
      "a.bias'": float32([1], [bias]),
    })
    now = Object.fromEntries(
      carried.map((name, index) => [name, outputs[graph.outputs[index]?.name ?? ''] ?? assert.fail()]),
    )
    return now
  })
}
const flat = (values: Values | undefined, ...names: readonly string[]): readonly number[] =>
  names.flatMap((name) => numbers(values?.[name] ?? assert.fail(name)).data)
/** Constants such as 1 − β are Float32. */
const near = (found: readonly number[], wanted: readonly number[]): void =>
  assert.ok(
    found.length === wanted.length &&
      wanted.every((value, index) => Math.abs(value - (found[index] ?? Number.NaN)) < 1e-7),
    `[${found.join(', ')}] and [${wanted.join(', ')}]`,
  )

test('SGD: w ← w − ηg, and nothing is carried', () => {
  const spec = optimizerSchema.parse({ sgd: { rate: 0.25 } })
  assert.deepEqual(optimizerOf(spec).state(weights), [])
  const [first, second] = steps(spec, [
    [2, -4, 1],
    [0, 2, -1],
  ])
  assert.deepEqual(flat(first, 'a.kernel', 'a.bias'), [0.5, 0, 0.25])
  assert.deepEqual(flat(second, 'a.kernel', 'a.bias'), [0.5, -0.5, 0.5])
})

test('momentum: v ← mv + g, w ← w − ηv, as in PyTorch', () => {
  const spec = optimizerSchema.parse({ sgd: { rate: 0.5, momentum: 0.75 } })
  assert.deepEqual(optimizerOf(spec).state(weights), [
    { name: 'a.kernel@velocity', shape: [2, 1], initial: 0 },
    { name: 'a.bias@velocity', shape: [1], initial: 0 },
  ])
  const [first, second, third] = steps(spec, [
    [2, -4, 1],
    [0, 2, -1],
    [0, 0, 0],
  ])
  // v = 2, −4, 1: w = 1 − 1, −1 + 2, ½ − ½.
  assert.deepEqual(flat(first, 'a.kernel', 'a.bias'), [0, 1, 0])
  // v = 1.5, −3 + 2, ¾ − 1.
  assert.deepEqual(flat(second, 'a.kernel@velocity', 'a.bias@velocity'), [1.5, -1, -0.25])
  assert.deepEqual(flat(second, 'a.kernel', 'a.bias'), [-0.75, 1.5, 0.125])
  // It rolls on without a gradient.
  assert.deepEqual(flat(third, 'a.kernel@velocity'), [1.125, -0.75])
})

test('Adam: bias-corrected moments, ε beside √v̂ (Kingma and Ba 2015, Algorithm 1)', () => {
  const spec = { adam: { rate: 0.25, beta1: 0.5, beta2: 0.75, epsilon: 2 } }
  const [first, second] = steps(spec, [
    [2, -4, 0],
    [4, 2, 0],
  ])
  // m̂ = g and v̂ = g² after one step, whatever β: ¼·2 / (2 + 2), ¼·(−4) / (4 + 2).
  near(flat(first, 'a.kernel', 'a.bias'), [1 - 1 / 8, -1 + 1 / 6, 0.5])
  // Carried are m / (1 − ½) and v / (1 − ¾).
  near(flat(first, 'a.kernel@m', 'a.kernel@v'), [2, -4, 4, 16])
  // m = ½·1 + ½·4, ½·(−2) + ½·2; v = ¾·1 + ¼·16, ¾·4 + ¼·4; corrected by 1 − ½² and 1 − ¾².
  near(flat(second, 'a.kernel@m', 'a.kernel@v', '@steps'), [2 * 2.5, 0, 4 * 4.75, 4 * 4, 2])
  const step = (0.25 * (2.5 / 0.75)) / (Math.sqrt(4.75 / 0.4375) + 2)
  near(flat(second, 'a.kernel', 'a.bias'), [7 / 8 - step, -5 / 6, 0.5])
})

test('Adam’s steps are the rate in the direction of a gradient that stays, whatever its size, to the last digits of Float32', () => {
  const spec = optimizerSchema.parse({ adam: { rate: 0.125, epsilon: 1e-12 } })
  const gradient = [1000, -0.001, 1] as const
  let before: readonly number[] = [1, -1, 0.5]
  for (const values of steps(spec, [gradient, gradient, gradient])) {
    const now = flat(values, 'a.kernel', 'a.bias')
    near(
      now.map((value, index) => (value - (before[index] ?? 0)) / 0.125),
      [-1, 1, -1],
    )
    before = now
  }
})

test('Adam carries two moments for each weight, and how many steps there were', () => {
  const state = optimizerOf(optimizerSchema.parse({ adam: { rate: 0.1 } })).state(weights)
  assert.deepEqual(state, [
    { name: '@steps', shape: [], initial: 0 },
    { name: 'a.kernel@m', shape: [2, 1], initial: 0 },
    { name: 'a.kernel@v', shape: [2, 1], initial: 0 },
    { name: 'a.bias@m', shape: [1], initial: 0 },
    { name: 'a.bias@v', shape: [1], initial: 0 },
  ])
})

test('centred RMSprop takes a variance that rounding has taken below 0 for 0', () => {
  const { rmsProp } = { rmsProp: { rate: 0.5, alpha: 0.5, epsilon: 0.25, centered: true } }
  const b = graphBuilder()
  for (const name of ['w', 'w@square', 'w@mean', 'g']) b.input({ name, type: 'float32', shape: [1] })
  const next = optimizerOf(optimizerSchema.parse({ rmsProp })).step(b, [{ name: 'w', gradient: 'g' }])
  const feeds = { w: [1], 'w@square': [0], 'w@mean': [4], g: [2] }
  const w = next.get('w') ?? assert.fail()
  const found = run(
    b.build('step', [w]),
    Object.fromEntries(Object.entries(feeds).map(([name, data]) => [name, float32([1], data)])),
  )
  // s = ½·0 + ½·4 = 2, a = ½·4 + ½·2 = 3: 2 − 9 is below 0. w = 1 − ½·2 / (0 + ¼).
  assert.deepEqual(flat(found, w), [-3])
})
