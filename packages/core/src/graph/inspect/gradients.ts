/** What cannot be differentiated on the way from a network's weights to its output. */
import { WardroundError } from '../../errors.ts'
import { gradientRules } from '../gradients/registry.ts'
import type { Network } from '../network.ts'
import type { Obstacle } from './findings.ts'
import { counted } from './names.ts'
import { beginProbe, probeStep, type TypedGraph } from './probe-step.ts'

/** As for any batch: this one is small. */
const batch = 2

export function obstaclesToGradients(network: Network): readonly Obstacle[] {
  const learnt = network.weights.flatMap(({ name, learnt: isLearnt }) => (isLearnt ? [name] : []))
  if (learnt.length === 0) return [{ kind: 'nothingLearnt' }]
  const { b, y } = beginProbe(network, batch)
  const missing = withoutRule({ graph: b.build('forward', [y]), info: b.info }, learnt)
  if (missing.length > 0) return missing
  try {
    probeStep(network, { batch, optimizer: { sgd: { rate: 1, momentum: 0 } } })
    return []
  } catch (error) {
    return [{ kind: 'other', problem: problemOf(error) }]
  }
}

/** Operators between a weight and the output that have no rule; the graph holds nothing that the output does not need. Nothing flows through indices and conditions. */
function withoutRule({ graph: { nodes }, info }: TypedGraph, learnt: readonly string[]): readonly Obstacle[] {
  const active = new Set(learnt)
  const found = nodes.filter(({ op, inputs, outputs }) => {
    const reached = outputs.filter((name) => name !== '' && info(name).type === 'float32')
    if (reached.length === 0 || !inputs.some((name) => active.has(name))) return false
    for (const name of reached) active.add(name)
    return !Object.hasOwn(gradientRules, op)
  })
  return counted(found).map(({ op, count }) => ({ kind: 'gradient', op, count }))
}

/** What an error of ours is about. Others are bugs, and go on. */
export function problemOf(error: unknown): string {
  if (!(error instanceof WardroundError)) throw error
  const { problem } = error.parameters
  return typeof problem === 'string' ? problem : error.sentences.what
}
