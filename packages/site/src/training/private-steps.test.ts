/** Gradients clipped example by example on ONNX Runtime: what it makes of the graphs, and that its Float32 keeps the bound. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochGraph } from '@wardround/core/graph/epoch.ts'
import { run } from '@wardround/core/graph/interpreter/interpret.ts'
import {
  float32,
  type NumberValue,
  numbers,
  type Value,
  type Values,
} from '@wardround/core/graph/interpreter/values.ts'
import type { Graph } from '@wardround/core/graph/ir.ts'
import '@wardround/core/graph/private-step.ts'
import { drawn } from '@wardround/core/graph/testing/draws.ts'
import { clippedGraph, drawFeeds, normOf } from '@wardround/core/graph/testing/per-example.ts'
import { usesAtOnce, usesOneByOne } from '@wardround/core/graph/testing/per-example-uses.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import fc from 'fast-check'
import { assertNear, onRuntime } from './testing/on-runtime.ts'

test('every way of clipping means the same to both', async () => {
  for (const [what, problem] of Object.entries({ ...usesAtOnce, ...usesOneByOne }))
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (g) => {
        const clipped = clippedGraph(problem, { batch: 3, clipNorm: 1 })
        const feeds = drawFeeds(g, problem, 3)
        const [found, wanted] = [await onRuntime(clipped.graph, feeds), run(clipped.graph, feeds)]
        for (const name of clipped.made.sums)
          assertNear(found[name], wanted[name], {
            tolerance: { relative: 1e-3, absolute: 1e-3 },
            what: `${name} of ${what}`,
          })
      }),
      // The same every time: on relu's kink Float32 and Float64 may fall to different sides.
      { ...drawn(1), seed: 1 },
    )
})

const draws = (seed: string, shape: readonly number[]): NumberValue => {
  const random = seededRandom([seed])
  return float32(
    shape,
    Array.from({ length: sizeOf(shape) }, () => random.uniform() * 2 - 1),
  )
}

const networks = {
  'a perceptron': {
    layers: [{ dense: 8, activation: 'relu' }, { dropout: 0.25 }, { dense: 1, name: 'output' }],
    inputs: 5,
  },
  'a small CNN': {
    layers: [
      { conv2d: 4, kernel: 3, padding: 'same', activation: 'relu' },
      { groupNormalization: { groups: 2 } },
      { maxPool2d: 2 },
      { conv2d: 3, kernel: 3, activation: 'tanh' },
      { flatten: {} },
      { dense: 1, name: 'output' },
    ],
    inputs: [1, 8, 8],
  },
} as const

/** Three private steps of four examples, of which the last ones fill up. */
function privateEpoch({ layers, inputs }: (typeof networks)[keyof typeof networks]): {
  graph: Graph
  feeds: Values
} {
  const epoch = epochGraph({
    model: modelSchema.parse({ layers }),
    training: trainingSchema.parse({
      loss: 'binaryCrossEntropy',
      optimizer: { sgd: { rate: 0.125, momentum: 0.5 } },
      batch: 4,
      epochs: 1,
    }),
    inputs,
    batch: 4,
    weighted: false,
    privacy: { clipNorm: 0.5, noiseMultiplier: 1.5, expectedBatch: 3 },
  })
  const sizes: Readonly<Record<string, number>> = { rows: 6, steps: 3 }
  const given: Readonly<Record<string, Value>> = {
    target: float32([6, 1], [0, 1, 1, 0, 1, 0]),
    batches: { type: 'int32', shape: [3, 4], data: [0, 1, 2, 0, 3, 4, 5, 1, 2, 0, 0, 0] },
    counted: float32([3, 4, 1], [1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 0]),
  }
  const feeds = Object.fromEntries(
    epoch.graph.inputs.map(({ name, shape }) => [
      name,
      given[name] ??
        draws(
          name,
          shape.map((extent) => sizes[extent] ?? Number(extent)),
        ),
    ]),
  )
  return { graph: epoch.graph, feeds }
}

for (const [name, network] of Object.entries(networks))
  test(`${name} takes the same private steps on both`, async () => {
    const { graph, feeds } = privateEpoch(network)
    const [found, wanted] = [await onRuntime(graph, feeds), run(graph, feeds)]
    for (const output of graph.outputs)
      assertNear(found[output.name], wanted[output.name], {
        tolerance: { relative: 1e-4, absolute: 1e-5 },
        what: output.name,
      })
  })

/** Of every form in which parts are kept. What looks something up fails at the runtime where it is no number. */
const measured = [
  'dense',
  'dense of few steps and many values',
  'conv2d',
  'embedding',
  'adapters',
  'gru',
  'groupNormalization',
]
const fewUses = Object.entries({ ...usesAtOnce, ...usesOneByOne }).filter(
  ([what]) => measured.includes(what) || what === 'a value that is repeated for each example',
)

test('in Float32, too, one example moves the sum by no more than the norm: be it huge, or no number', async () => {
  const clipNorm = 0.5
  for (const [what, problem] of fewUses) {
    const { graph, made } = clippedGraph(problem, { batch: 3, clipNorm })
    const [first] = problem.inputs
    if (first === undefined) continue
    const [feeds] = fc.sample(
      fc.gen().map((g) => drawFeeds(g, problem, 3)),
      { numRuns: 1, seed: 7 },
    )
    if (feeds === undefined) continue
    const with1 = (value: number): Values => {
      const own = numbers(feeds[first.name] ?? assert.fail(what))
      const size = own.data.length / 3
      return {
        ...feeds,
        [first.name]: { ...own, data: own.data.map((before, index) => (index < size ? value : before)) },
      }
    }
    const sums = async (values: Values): Promise<readonly number[]> => {
      const outputs = await onRuntime(graph, values)
      return made.sums.flatMap((name) => numbers(outputs[name] ?? assert.fail(name)).data)
    }
    const values = [0.5, 1e18, -1e30, Number.POSITIVE_INFINITY, ...(what === 'embedding' ? [] : [Number.NaN])]
    const [ordinary, ...others] = await Promise.all(values.map((value) => sums(with1(value))))
    for (const other of others) {
      const moved = normOf((ordinary ?? []).map((value, index) => value - (other[index] ?? Number.NaN)))
      assert.ok(moved <= 2 * clipNorm * (1 + 1e-4), `${what}: by ${moved}`)
    }
  }
})
