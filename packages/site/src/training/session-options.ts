/** How ONNX Runtime is set up: for the same bits from the same graph and data, and for as much memory as a model needs. */
import type { Graph } from '@wardround/core/graph/ir.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import type { InferenceSession } from 'onnxruntime-node'

const usual: SessionOptions = {
  executionProviders: ['cpu'],
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  // Errors only; warnings would end up in a hospital's log without saying anything that a person could act on.
  logSeverityLevel: 3,
}

/** What there is much of: nothing; values between the nodes of a step; or all that a step carries, too. */
export type Amount = 'little' | 'between' | 'all'

/**
 * An arena keeps what it once needed, and asks for twice as much when it needs more; a memory pattern lays all of a run's values out in advance, with gaps
 * between them. For small values both are time saved; where values are large a pattern is a quarter more memory and no time, and an arena is memory.
 */
const ofAmount: Readonly<Record<Amount, SessionOptions>> = {
  little: usual,
  between: { ...usual, enableMemPattern: false },
  all: { ...usual, enableMemPattern: false, enableCpuMemArena: false },
}

/** Of which a lane beside (lanes.ts) is told, too: they are plain data. */
export type SessionOptions = InferenceSession.SessionOptions

export const sessionOptions = (amount: Amount): SessionOptions => ofAmount[amount]

/**
 * ONNX Runtime looks for what it could do better in a graph again and again: 13 s for the 8,649 nodes of a step of DenseNet-121, and 1.3 s without. Nothing is gained by it that shows in such steps,
 * whose time is in convolutions and products (benchmarks/exports/README.md).
 */
const mostImproved = 1000

export const optionsFor = (graph: Graph, amount: Amount): SessionOptions =>
  nodesIn(graph) > mostImproved
    ? { ...sessionOptions(amount), graphOptimizationLevel: 'disabled' }
    : sessionOptions(amount)

/** Those of its subgraphs, too. */
const nodesIn = ({ nodes }: Graph): number =>
  nodes.reduce(
    (sum, { attributes }) =>
      Object.values(attributes).reduce(
        (inner, attribute) => (attribute.kind === 'graph' ? inner + nodesIn(attribute.value) : inner),
        sum + 1,
      ),
    0,
  )

/** From so many values of a batch on, 128 KiB, what a step makes of them counts as much. */
const largeBatch = 2 ** 15

/** Of a step with so many examples of these extents. */
export const amountOfStep = (batch: number, extents: readonly number[]): Amount =>
  batch * sizeOf(extents) < largeBatch ? 'little' : 'between'
