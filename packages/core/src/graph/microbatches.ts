/** A step's gradients of a batch whose parts are worked on one after another (accumulate.ts). */
import { accumulate, refuseStatistics } from './accumulate.ts'
import type { GraphBuilder } from './builder.ts'
import type { ValueInfo } from './ir.ts'
import type { Network } from './network.ts'
import { appendDataLoss, penaltyGradients, pickRows } from './objective.ts'
import type { Gradients, StepGiven, StepOptions } from './step.ts'

/** Penalties are of no part. Errors: WR_GRAPH_REFUSED for what goes by the whole batch. */
export function appendInParts(b: GraphBuilder, options: StepOptions, { parts, batch, draw }: StepGiven): Gradients {
  const { network, learnt, weights, outer } = parts
  if (network.weights.some(isStatistic)) refuseStatistics()
  const penalties = penaltyGradients(b, options, parts)
  const notLearnt = weights.filter(({ name }) => !learnt.some((spec) => spec.name === name))
  const { loss, gradients } = accumulate(b, {
    whole: { batch, draws: new Map(parts.draws.map((spec) => [spec.name, draw(spec) ?? ''])) },
    examples: options.batch,
    microbatch: options.training.microbatch ?? options.batch,
    learnt,
    draws: parts.draws,
    outer: [...outer, ...notLearnt.map(({ name, shape }): ValueInfo => ({ name, type: 'float32', shape }))],
    loss(own, part) {
      const context = { draw: ({ name }: { name: string }) => part.draws.get(name), keep: refuseStatistics }
      const rows = pickRows(own, options, { batch: part.batch, context })
      return appendDataLoss(own, options, { network, context, rows })
    },
  })
  const withPenalty = (name: string, gradient: string): string => {
    const penalty = penalties.get(name)
    return penalty === undefined ? gradient : b.node('Add', [gradient, penalty])
  }
  return { data: loss, gradients: learnt.map(({ name }, index) => withPenalty(name, gradients[index] ?? '')) }
}

/** What a layer keeps up itself. */
const isStatistic = (weight: Network['weights'][number]): boolean => !weight.learnt && weight.frozen !== true
