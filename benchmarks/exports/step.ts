/** One step of training of an exported model on ONNX Runtime, on one thread. */
import { readFileSync, writeFileSync } from 'node:fs'
import { decodeModel, type Model } from '@wardround/core/graph/decode-model.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import { importModel } from '@wardround/core/graph/import/network.ts'
import { withWeights } from '@wardround/core/graph/import/own-weights.ts'
import { importedStep } from '@wardround/core/graph/testing/imported-step.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import { floats, floatsOf, openSession } from '@wardround/site/training/session.ts'
import { median } from '../figures.ts'
import type { Tensors } from './compare.ts'
import type { Described, Stored } from './files.ts'

export type Stepped = {
  readonly loss: number
  /** Weights, running statistics, and `<weight>@velocity`, as the step leaves them. */
  readonly next: Tensors
  /** In the model's order. */
  readonly names: readonly string[]
  readonly statistics: readonly string[]
  readonly nodes: number
  readonly ms: number
  /** From the file to a session that has taken its first step. */
  readonly startMs: number
  /** The model with its new weights. */
  readonly trained: Model
}

const timedSteps = 3

/** Errors: of importModel() and differentiate(), where the model cannot be trained. */
export async function stepOf(file: string, batch: Stored, told: Described): Promise<Stepped> {
  const start = performance.now()
  const model = decodeModel(readFileSync(file))
  const { network, weights } = importModel(model)
  const [features, target] = ['features', 'target'].map((name) => ({
    data: batch.values.get(name) ?? new Float32Array(),
    shape: batch.shapes.get(name) ?? [],
  }))
  if (features === undefined || target === undefined) throw new TypeError('there is no batch')
  const { graph, state, next } = importedStep(network, {
    loss: told.loss,
    optimizer: { sgd: { rate: told.rate, momentum: told.momentum } },
    batch: features.shape[0] ?? 0,
    target: target.shape.slice(1),
  })
  const session = await openSession(graph)
  const feeds = {
    features: floats(features.data, features.shape),
    target: floats(target.data, target.shape),
    ...Object.fromEntries(
      network.weights.map(({ name, shape }, index) => [name, floats(weights[index] ?? new Float32Array(), shape)]),
    ),
    ...Object.fromEntries(
      state.map(({ name, shape, initial }) => [name, floats(new Float32Array(sizeOf(shape)).fill(initial), shape)]),
    ),
  }
  const outputs = await session.run(feeds)
  const startMs = performance.now() - start
  const made = new Map([...network.weights, ...state].map(({ name }) => [name, floatsOf(outputs, next(name))]))
  const times: number[] = []
  for (let count = 0; count < timedSteps; count++) {
    const begin = performance.now()
    await session.run(feeds)
    times.push(performance.now() - begin)
  }
  return {
    loss: floatsOf(outputs, 'loss')[0] ?? Number.NaN,
    next: made,
    names: network.weights.map(({ name }) => name),
    statistics: network.weights.filter(({ learnt }) => !learnt).map(({ name }) => name),
    nodes: graph.nodes.length,
    ms: median(times) ?? Number.NaN,
    startMs,
    trained: withWeights(
      model,
      network.weights.map(({ name, shape }) => ({ name, shape, data: made.get(name) ?? new Float32Array() })),
    ),
  }
}

export const writeModel = (file: string, { graph, metadata, opset }: Model): void =>
  writeFileSync(file, encodeModel(graph, metadata, opset))
