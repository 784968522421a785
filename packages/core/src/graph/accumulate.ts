/**
 * Gradient accumulation: a batch that does not fit is worked on in parts, whose gradients are summed before anything else sees them. Each part's mean loss counts by its share of the batch, so
 * that the sum is the whole batch's, but for rounding. The first part is nodes of the step itself, and takes what is left over; the others, of `microbatch` examples each, are a Scan: one
 * part's values at a time are there, and the sums.
 */
import { WardroundError } from '../errors.ts'
import type { TensorSpec } from '../weights.ts'
import { type GraphBuilder, graphBuilder } from './builder.ts'
import { differentiate } from './differentiate.ts'
import { int, ints, subgraph, type ValueInfo } from './ir.ts'
import type { DrawSpec } from './layers/layer.ts'

/** What a step gives to a part of its batch: the rows' numbers [examples], and each layer's draws [examples, …extents]. */
export type Part = { readonly batch: string; readonly draws: ReadonlyMap<string, string> }

export type Accumulation = {
  /** The step's batch. */
  readonly whole: Part
  readonly examples: number
  readonly microbatch: number
  readonly learnt: readonly TensorSpec[]
  readonly draws: readonly DrawSpec[]
  /** What the parts read besides: named alike everywhere. */
  readonly outer: readonly ValueInfo[]
  /** Appends the mean loss of a part. */
  loss(b: GraphBuilder, part: Part): string
}

export type Accumulated = { readonly loss: string; readonly gradients: readonly string[] }

/** Whether there is more than one part. */
export const isDivided = (microbatch: number | undefined, batch: number): microbatch is number =>
  microbatch !== undefined && microbatch < batch

/** The loss of a batch of more than `microbatch` examples, and its gradients with respect to what is learnt. */
export function accumulate(b: GraphBuilder, step: Accumulation): Accumulated {
  const { examples, microbatch, learnt } = step
  const count = Math.ceil(examples / microbatch) - 1
  const first = examples - count * microbatch
  const head = partSums(b, step, cut(b, step, { from: 0, to: first }))
  const rest = cut(b, step, { from: first, to: examples })
  const body = bodyOf(b, step)
  // An epoch, its batches' parts, and sequences in them: deeper than a site lets graphs be (safelist.ts).
  if (body.nodes.some(({ op }) => op === 'Scan'))
    refuse('a recurrent layer goes through its sequences by itself, and cannot in parts of a batch')
  const parts = (value: string, extents: readonly number[]): string =>
    b.node('Reshape', [value, b.axes([count, microbatch, ...extents])])
  const sums = [...learnt.map(({ name, shape }) => ({ name, shape })), { name: 'loss', shape: [] }].map(
    ({ name, shape }): ValueInfo => ({ name: b.unused(`sum/${name}`), type: 'float32', shape }),
  )
  b.call(
    'Scan',
    [
      ...head.gradients,
      head.loss,
      parts(rest.batch, []),
      ...step.draws.map(({ name, extents }) => parts(rest.draws.get(name) ?? '', extents)),
    ],
    {
      outputs: sums,
      attributes: {
        body: subgraph(body),
        num_scan_inputs: int(1 + step.draws.length),
        scan_input_axes: ints([0, ...step.draws.map(() => 0)]),
      },
    },
  )
  const names = sums.map(({ name }) => name)
  return { gradients: names.slice(0, -1), loss: names.at(-1) ?? '' }
}

/** The sums so far and a part's numbers go in; the sums with that part come out. */
function bodyOf(around: GraphBuilder, step: Accumulation) {
  const { microbatch, learnt, draws, outer } = step
  const b = graphBuilder('part/')
  for (const value of [...outer, ...learnt]) b.outer({ type: 'float32', ...value })
  for (const { name, shape } of learnt) b.input({ name: `part/sum/${name}`, type: 'float32', shape })
  b.input({ name: 'part/loss', type: 'float32', shape: [] })
  const batch = b.input({ name: 'part/batch', type: 'int32', shape: [microbatch] })
  const own = draws.map(({ name, extents }): [string, string] => [
    name,
    b.input({ name: `part/draws/${name}`, type: 'float32', shape: [microbatch, ...extents] }),
  ])
  const { gradients, loss } = partSums(b, step, { batch, draws: new Map(own) })
  const next = learnt.map(({ name }, index) => b.node('Add', [`part/sum/${name}`, gradients[index] ?? '']))
  return b.build(around.unused('part'), [...next, b.node('Add', ['part/loss', loss])])
}

/** A part's share of the loss and of its gradients. */
function partSums(b: GraphBuilder, { loss, examples, learnt }: Accumulation, part: Part): Accumulated {
  // Their quotient would be rounded.
  const share = b.node('Div', [
    b.node('Mul', [loss(b, part), b.scalar(Number(b.shape(part.batch)[0]))]),
    b.scalar(examples),
  ])
  return {
    loss: share,
    gradients: differentiate(
      b,
      share,
      learnt.map(({ name }) => name),
    ),
  }
}

/** Some of a batch's examples. */
function cut(b: GraphBuilder, { whole, draws }: Accumulation, { from, to }: { from: number; to: number }): Part {
  const slice = (value: string): string => b.node('Slice', [value, b.axes([from]), b.axes([to]), b.axes([0])])
  return {
    batch: slice(whole.batch),
    draws: new Map(draws.map(({ name }) => [name, slice(whole.draws.get(name) ?? '')])),
  }
}

/** Its statistics would be those of a part, and not of the batch: another training. */
export const refuseStatistics = (): never =>
  refuse('batch normalisation goes by the whole batch, and its parts are worked on by themselves')

function refuse(problem: string): never {
  throw new WardroundError('WR_GRAPH_REFUSED', { problem })
}
