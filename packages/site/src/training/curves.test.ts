/** Whole models, from logistic regression to a transformer, with every optimizer: fifty losses of each are PyTorch's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { float32 } from '@wardround/core/graph/interpreter/values.ts'
import { networkOf } from '@wardround/core/graph/network.ts'
import { curveTraining, type PytorchCurve, pytorchModels } from '@wardround/core/graph/testing/curves.ts'
import { optimizerName, optimizerSchema } from '@wardround/core/study/optimizer.ts'
import { assertNear, onRuntime } from './testing/on-runtime.ts'

/** Float32 against Float64, whose noise is a tenth of it: Adam’s correction from powers of its decays was off by more. */
const ofLosses = { relative: 1e-5, absolute: 0 }
/** Running means pass through 0. */
const ofStatistics = { relative: 1e-4, absolute: 1e-5 }

const vector = (values: readonly number[]) => float32([values.length], values)

for (const model of pytorchModels)
  for (const curve of model.curves)
    test(`${model.name}, ${curve.name}: losses and running statistics are PyTorch's`, async () => {
      const { epoch, feeds } = curveTraining(model, curve)
      const outputs = await onRuntime(epoch.graph, feeds)
      assertNear(outputs.losses, vector(curve.losses), { tolerance: ofLosses, what: 'losses' })
      for (const [name, values] of Object.entries(curve.kept))
        assertNear(outputs[`next/${name}`], vector(values), { tolerance: ofStatistics, what: name })
    })

test('the models have the tensors that PyTorch’s have, and keep up what PyTorch’s keep up', () => {
  for (const model of pytorchModels)
    for (const curve of model.curves) {
      const { epoch, options } = curveTraining(model, curve)
      const described = (specs: readonly { name: string; shape: readonly number[] }[]): readonly string[] =>
        specs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).toSorted()
      assert.deepEqual(described(epoch.weights), described(model.tensors))
      const kept = networkOf(options.model, options.inputs).weights.filter(({ learnt }) => !learnt)
      assert.deepEqual(kept.map(({ name }) => name).toSorted(), Object.keys(curve.kept).toSorted())
    }
})

test('every optimizer is among them, and no two have curves that could be taken for each other', () => {
  const apart = (one: PytorchCurve, other: PytorchCurve): number =>
    Math.max(...one.losses.map((loss, step) => Math.abs(loss / (other.losses[step] ?? 0) - 1)))
  for (const { name, curves } of pytorchModels) {
    const named = new Set(curves.map(({ optimizer }) => optimizerName(optimizerSchema.parse(optimizer))))
    assert.deepEqual([...named].toSorted(), ['adagrad', 'adam', 'adamW', 'lamb', 'rmsProp', 'sgd'])
    for (const [index, one] of curves.entries())
      for (const other of curves.slice(index + 1))
        assert.ok(apart(one, other) > 0.01, `${name}: ${one.name}, ${other.name}`)
  }
})
