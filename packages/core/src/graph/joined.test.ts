import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { modelSchema, trainingSchema } from '../study/model.ts'
import { epochGraph } from './epoch.ts'
import { run } from './interpreter/interpret.ts'
import { numbers, type Values } from './interpreter/values.ts'
import { joinedOf } from './joined.ts'
import { type StepOptions, stepParts } from './step.ts'
import { drawn } from './testing/draws.ts'
import { drawTraining } from './testing/training.ts'

const training = trainingSchema.parse({
  loss: 'binaryCrossEntropy',
  optimizer: { adam: { rate: 0.1 } },
  batch: 8,
  epochs: 1,
})
const modelOf = (...layers: readonly object[]) => modelSchema.parse({ layers })
const dense = { dense: 2, name: 'first' }
const options: StepOptions = {
  model: modelOf(dense, { dense: 1 }),
  training,
  inputs: 3,
  batch: 8,
  weighted: true,
  scheduled: true,
}
const joined = (change: Partial<StepOptions> = {}) => {
  const asked = { ...options, ...change }
  return joinedOf(asked, stepParts(asked))
}

test('the first layer’s kernel and bias are one matrix, a single column of them a row', () => {
  assert.deepEqual(joined()?.shape, [4, 2])
  assert.deepEqual(joined({ model: modelOf({ dense: 1 }) })?.shape, [1, 4])
})

test('what looks at one of them keeps them apart', () => {
  assert.equal(joined({ training: { ...training, l2: 0.5 } }), undefined)
  assert.equal(joined({ proximalMu: 0.5 }), undefined)
  assert.equal(joined({ corrected: true }), undefined)
  assert.equal(joined({ groups: 2 }), undefined)
  assert.equal(joined({ privacy: { clipNorm: 1, noiseMultiplier: 1, expectedBatch: 8 } }), undefined)
  assert.equal(joined({ model: { ...options.model, frozen: ['first.kernel'] } }), undefined)
  assert.equal(joined({ model: { ...options.model, frozen: ['first.bias'] } }), undefined)
})

test('a first layer that is another, or sees more than vectors, has nothing to join', () => {
  assert.equal(joined({ model: modelOf({ dense: 2, bias: false }, dense) }), undefined)
  assert.equal(joined({ model: modelOf({ dense: 2, lora: { rank: 1, alpha: 1 } }, dense) }), undefined)
  assert.equal(joined({ model: modelOf({ dropout: 0.5 }, dense) }), undefined)
  assert.equal(joined({ model: modelOf({ residual: [{ dense: 3 }] }, dense) }), undefined)
  assert.equal(joined({ model: modelOf(dense, { flatten: {} }, { dense: 1 }), inputs: [2, 3] }), undefined)
})

test('a batch that would get its ones in each step has none', () => {
  assert.notEqual(joined({ inputs: 127 }), undefined)
  assert.equal(joined({ inputs: 128 }), undefined)
})

const withoutPenalties = ({ proximalMu: _, corrected: __, ...own }: StepOptions): StepOptions => ({
  ...own,
  training: { ...own.training, l2: 0 },
})

test('training is the same as with two tensors', () => {
  let joins = 0
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const { options: all, feeds } = drawTraining(g)
      if (all.groups !== undefined) return
      const own = withoutPenalties(all)
      const [one, two] = [epochGraph(own), epochGraph(own, { joins: false })]
      const given = (names: typeof one): Values =>
        Object.fromEntries(names.graph.inputs.map(({ name }) => [name, feeds[name] ?? assert.fail(name)]))
      const [found, wanted] = [run(one.graph, given(one)), run(two.graph, given(two))]
      for (const { name } of two.graph.outputs) {
        const [value, other] = [found[name], wanted[name]].map((output) => numbers(output ?? assert.fail(name)))
        assert.deepEqual(value?.shape, other?.shape)
        for (const [index, expected] of (other?.data ?? []).entries())
          assert.ok(Math.abs((value?.data[index] ?? Number.NaN) - expected) <= 1e-9 * Math.max(1, Math.abs(expected)))
      }
      if (one.graph.nodes.length !== two.graph.nodes.length) joins += 1
    }),
    drawn(60),
  )
  assert.ok(joins > 5, `${joins} were joined`)
})
