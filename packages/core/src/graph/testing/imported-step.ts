/** One step of training of a model from a file, as a graph. */
import type { Loss } from '../../study/loss.ts'
import type { OptimizerSpec } from '../../study/optimizer.ts'
import { graphBuilder } from '../builder.ts'
import { differentiate } from '../differentiate.ts'
import type { Graph } from '../ir.ts'
import { appendLoss } from '../losses/registry.ts'
import type { Network } from '../network.ts'
import type { StateSpec } from '../optimizers/optimizer.ts'
import { optimizerOf } from '../optimizers/registry.ts'

export type ImportedStep = {
  /** From `features` [batch, …input], `target` [batch, …], each weight and each state by its name to `loss` and `next/<name>`. */
  readonly graph: Graph
  readonly state: readonly StateSpec[]
  readonly next: (name: string) => string
}

export type StepOf = {
  readonly loss: Loss
  readonly optimizer: OptimizerSpec
  readonly batch: number
  /** Of one example's target. */
  readonly target: readonly number[]
}

const next = (name: string): string => `next/${name}`

export function importedStep(network: Network, { loss, optimizer, batch, target }: StepOf): ImportedStep {
  const b = graphBuilder()
  const learnt = network.weights.filter((weight) => weight.learnt)
  const rule = optimizerOf(optimizer)
  const state = rule.state(learnt)
  const features = b.input({ name: 'features', type: 'float32', shape: [batch, ...network.input] })
  const wanted = b.input({ name: 'target', type: 'float32', shape: [batch, ...target] })
  for (const { name, shape } of [...network.weights, ...state]) b.input({ name, type: 'float32', shape })
  const kept = new Map<string, string>()
  const logits = network.append(b, features, { keep: (name, value) => void kept.set(name, value) })
  const total = appendLoss(b, loss, { logits, target: wanted })
  const gradients = differentiate(
    b,
    total,
    learnt.map(({ name }) => name),
  )
  const moved = rule.step(
    b,
    learnt.map(({ name }, index) => ({ name, gradient: gradients[index] ?? '' })),
  )
  const outputs = [...moved, ...kept].map(([name, value]) => b.node('Identity', [value], { name: next(name) }))
  const graph = b.build('step', [b.node('Identity', [total], { name: 'loss' }), ...outputs])
  return { graph, state, next }
}
