/**
 * A step whose batch is worked on in parts (gradient accumulation): a batch that does not fit into memory, one part after another; one that does, by as many cores as there are, at the same
 * time. Each part's mean loss counts by its share of the batch, so that the sums of the parts' losses and gradients are the whole batch's, but for rounding; they are summed from the first part to the
 * last, whoever has worked on them: the number of cores cannot be told by the bits. Penalties are of no part, and come with the update.
 */
import { WardroundError } from '../errors.ts'
import { outcomeOf } from '../study/outcome.ts'
import { type GraphBuilder, graphBuilder } from './builder.ts'
import { differentiate } from './differentiate.ts'
import { divide, type Halves, withoutIdleInputs } from './divided-step.ts'
import type { Graph, ValueInfo } from './ir.ts'
import type { Network } from './network.ts'
import { appendDataLoss, pickRows, withPenalties } from './objective.ts'
import { appendCarried, appendUpdate, drawsInputs, type StepOptions, type StepParts, stepParts } from './step.ts'

export type PartedOptions = Omit<StepOptions, 'privacy'>

export type PartedStep = {
  readonly parts: StepParts
  /**
   * Of so many of the batch's examples. Inputs, those that it needs of: the weights, the outer values (step.ts) of these examples alone, and their draws. Outputs: the part's share of the gradients of
   * what is learnt, in order, then of the data loss [].
   */
  part(examples: number): Graph
  /** From `gradient/<weight>`, the sums of all parts' but the last, and `last/<weight>`, the last one's, to what is carried on. */
  readonly update: Halves
}

/** Whether there is more than one part. */
export const isDivided = (microbatch: number | undefined, batch: number): microbatch is number =>
  microbatch !== undefined && microbatch < batch

/** How many examples each part has: the first one takes what is left over. */
export function partsOfBatch(batch: number, microbatch: number): readonly number[] {
  const count = Math.ceil(batch / microbatch)
  return Array.from({ length: count }, (_, part) => (part === 0 ? batch - (count - 1) * microbatch : microbatch))
}

type Named = { readonly name: string }
export const gradientInput = ({ name }: Named): string => `gradient/${name}`
export const lastInput = ({ name }: Named): string => `last/${name}`

/** Tensors of `largeValues` values and more are updated some rows at a time (divided-step.ts). Errors: WR_GRAPH_REFUSED for what goes by the whole batch. */
export function partedStep(options: PartedOptions, largeValues?: number): PartedStep {
  if (outcomeOf(options.training.loss) === 'survival') refuseComparison()
  const parts = stepParts(options)
  if (parts.network.weights.some(isStatistic)) refuseStatistics()
  return {
    parts,
    part: (examples) => partGraph(options, parts, examples),
    update: updateHalves(options, parts, largeValues),
  }
}

function partGraph(options: PartedOptions, parts: StepParts, examples: number): Graph {
  const { network, weights, learnt, outer } = parts
  const b = graphBuilder('part/')
  for (const value of outer) b.input(ofExamples(value, examples))
  for (const { name, shape } of weights) b.input({ name, type: 'float32', shape })
  const draws = drawsInputs(b, parts, examples)
  const context = { draw: ({ name }: { readonly name: string }) => draws.get(name), keep: refuseStatistics }
  const loss = appendDataLoss(b, options, { network, context, rows: pickRows(b, options, { context }) })
  // Their quotient would be rounded.
  const share = b.node('Div', [b.node('Mul', [loss, b.scalar(examples)]), b.scalar(options.batch)])
  const gradients = differentiate(
    b,
    share,
    learnt.map(({ name }) => name),
  )
  return withoutIdleInputs(b.build('part', ownEach(b, [...gradients, share])))
}

/** An output is a value that a node makes, each its own. */
function ownEach(b: GraphBuilder, outputs: readonly string[]): readonly string[] {
  const made = new Set(b.nodes().flatMap((node) => node.outputs))
  return outputs.map((name) => (made.delete(name) ? name : b.node('Identity', [name])))
}

const ofExamples = ({ shape: [rows, ...extents], ...value }: ValueInfo, examples: number): ValueInfo => ({
  ...value,
  shape: rows === undefined ? [] : [rows === 'rows' ? examples : rows, ...extents],
})

function updateHalves(options: PartedOptions, parts: StepParts, largeValues: number | undefined): Halves {
  const { learnt, outer } = parts
  const b = graphBuilder('step/')
  for (const value of outer) b.input(value)
  appendCarried(b, parts)
  const given = ({ shape }: StepParts['learnt'][number], name: string): string =>
    b.input({ name, type: 'float32', shape })
  // Of two parts, which are what there mostly is, the runtime then makes the sum on its way.
  const summed = learnt.map((spec) => b.node('Add', [given(spec, gradientInput(spec)), given(spec, lastInput(spec))]))
  const gradients = withPenalties(b, options, { parts, gradients: summed })
  return divide(
    b,
    { parts, next: appendUpdate(b, options, { parts, gradients, kept: new Map() }), results: [] },
    largeValues,
  )
}

/** What a layer keeps up itself. */
const isStatistic = (weight: Network['weights'][number]): boolean => !weight.learnt && weight.frozen !== true

/** Its statistics would be those of a part, and not of the batch: another training. */
function refuseStatistics(): never {
  throw new WardroundError('WR_GRAPH_REFUSED', {
    problem: 'batch normalisation goes by the whole batch, and its parts are worked on by themselves',
  })
}

/** Its loss would compare the examples of a part alone: another loss. */
function refuseComparison(): never {
  throw new WardroundError('WR_GRAPH_REFUSED', {
    problem: 'the partial likelihood compares all examples of a batch, and its parts are worked on by themselves',
  })
}
