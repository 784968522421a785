/** Models that PyTorch exported: one step of training here is PyTorch's, and the file given back predicts what PyTorch predicts after it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { graphBuilder } from '@wardround/core/graph/builder.ts'
import { decodeModel } from '@wardround/core/graph/decode-model.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
// make_exports.py beside it says how.
import fixture from '@wardround/core/graph/fixtures/exports/steps.json' with { type: 'json' }
import { type ImportedModel, importModel } from '@wardround/core/graph/import/network.ts'
import { withWeights } from '@wardround/core/graph/import/own-weights.ts'
import { float32, numbers, type Value, type Values } from '@wardround/core/graph/interpreter/values.ts'
import { importedStep } from '@wardround/core/graph/testing/imported-step.ts'
import { lossSchema } from '@wardround/core/study/loss.ts'
import { optimizerSchema } from '@wardround/core/study/optimizer.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import { assertNear, fileOnRuntime, onRuntime } from './testing/on-runtime.ts'

type Step = (typeof fixture.steps)[number]
type Stored = { readonly shape: readonly number[]; readonly data: readonly number[] }

/** One step in Float32 against one in Float64. */
const tolerance = { relative: 1e-4, absolute: 2e-6 }

const read = ({ shape, data }: Stored): Value => float32(shape, data)
const modelOf = ({ name }: Step) =>
  decodeModel(readFileSync(new URL(import.meta.resolve(`@wardround/core/graph/fixtures/exports/${name}.onnx`))))

function weightsOf({ network, weights }: ImportedModel): Values {
  return Object.fromEntries(
    network.weights.map(({ name, shape }, index) => [name, float32(shape, [...(weights[index] ?? [])])]),
  )
}

async function stepped(step: Step): Promise<{ loss: Value | undefined; next: Values }> {
  const imported = importModel(modelOf(step))
  const { features, target } = step.batch
  const { graph, state, next } = importedStep(imported.network, {
    loss: lossSchema.parse(step.loss),
    optimizer: optimizerSchema.parse(step.optimizer),
    batch: features.shape[0] ?? 0,
    target: target.shape.slice(1),
  })
  const first = state.map(({ name, shape }) => [name, float32(shape, new Array<number>(sizeOf(shape)).fill(0))])
  const outputs = await onRuntime(graph, {
    features: read(features),
    target: read(target),
    ...weightsOf(imported),
    ...Object.fromEntries(first),
  })
  const names = [...imported.network.weights, ...state].map(({ name }) => name)
  return {
    loss: outputs.loss,
    next: Object.fromEntries(names.map((name) => [name, outputs[next(name)] ?? assert.fail()])),
  }
}

/** What a model makes of the features, appended to a graph as prediction does it. */
async function predicted(imported: ImportedModel, features: Value): Promise<Value | undefined> {
  const b = graphBuilder()
  const x = b.input({ name: 'features', type: 'float32', shape: features.shape })
  for (const { name, shape } of imported.network.weights) b.input({ name, type: 'float32', shape })
  const y = b.node('Identity', [imported.network.append(b, x, {})], { name: 'y' })
  return (await onRuntime(b.build('model', [y]), { features, ...weightsOf(imported) })).y
}

for (const step of fixture.steps) {
  const features = read(step.batch.features)

  test(`${step.name}: a step is PyTorch's, in the loss, every weight, gradient and running statistic`, async () => {
    const { loss, next } = await stepped(step)
    assertNear(loss, float32([], [step.value]), { tolerance, what: 'loss' })
    const wanted: Readonly<Record<string, Stored>> = step.next
    assert.deepEqual(Object.keys(next).toSorted(), Object.keys(wanted).toSorted())
    for (const [name, value] of Object.entries(wanted)) assertNear(next[name], read(value), { tolerance, what: name })
  })

  test(`${step.name}: predictions are PyTorch's before the step, and after it those of the file given back`, async () => {
    const model = modelOf(step)
    assertNear(await predicted(importModel(model), features), read(step.predictions.before), {
      tolerance,
      what: 'before',
    })
    const { next } = await stepped(step)
    const weights = importModel(model).network.weights.map(({ name, shape }) => ({
      name,
      shape,
      data: Float32Array.from(numbers(next[name] ?? assert.fail()).data),
    }))
    const trained = withWeights(model, weights)
    const bytes = encodeModel(trained.graph, trained.metadata, trained.opset)
    const [input, output] = [trained.graph.inputs[0]?.name ?? '', trained.graph.outputs[0]?.name ?? '']
    const wanted = read(step.predictions.after)
    const after = (await fileOnRuntime(bytes, { [input]: features }))[output]
    assertNear(after, wanted, { tolerance, what: 'after' })
    assertNear(await predicted(importModel(decodeModel(bytes)), features), wanted, {
      tolerance,
      what: 'imported again',
    })
  })
}

test('the steps move every weight, and predictions far beyond the tolerance, so that agreement means something', () => {
  for (const { name, next, predictions } of fixture.steps) {
    for (const [tensor, { data }] of Object.entries(next))
      if (tensor.endsWith('@velocity')) assert.ok(Math.max(...data.map(Math.abs)) > 1e-4, `${name}: ${tensor}`)
    const apart = predictions.after.data.map((value, index) => Math.abs(value - (predictions.before.data[index] ?? 0)))
    assert.ok(Math.max(...apart) > 1e-2, name)
  }
})
