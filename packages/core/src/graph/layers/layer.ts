/** What a layer is to the graph, once the extents of its input are known. Extents are those of one example: the batch stands in front of them. */
import { WardroundError } from '../../errors.ts'
import type { TensorSpec } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'
import type { Joined } from '../joined.ts'

export type Extents = readonly number[]

/** First values: all the same, or uniform in ±limit. */
export type Initial = { readonly constant: number } | { readonly uniform: number }

export type WeightSpec = TensorSpec & {
  readonly initial: Initial
  /** Whether the optimizer changes it. Running statistics are not learnt but kept up by the layer itself. */
  readonly learnt: boolean
  /** Whether it stays as it starts: nobody needs to be told what it is. */
  readonly frozen?: boolean
  /** Whether the L2 penalty counts it: kernels, as usual, and nothing else. */
  readonly penalised: boolean
}

/** Uniform draws in [0, 1) that a layer needs for each example of a step. */
export type DrawSpec = { readonly name: string; readonly extents: Extents }

export type Layer = {
  readonly name: string
  readonly output: Extents
  readonly weights: readonly WeightSpec[]
  readonly draws: readonly DrawSpec[]
  /** Where vectors come in, and go into nothing but a product with a matrix, to which something is added: what these are called. */
  readonly affine?: Affine
  /** Appends the layer to `b`, which knows its weights by their names: from `x` [batch, …input] to the name of [batch, …output]. */
  append(b: GraphBuilder, x: string, context: Context): string
}

export type Affine = { readonly kernel: string; readonly bias: string }

export type Context = {
  /** While training: the name of a layer's draws [batch, …extents]. Absent: dropout does nothing. */
  readonly draw?: (spec: DrawSpec) => string | undefined
  /** While training: takes the name of what a tensor that is not learnt becomes. Absent: running statistics are used. */
  readonly keep?: (tensor: string, next: string) => void
  /** The name of each example's row in the personal bias tables, int32 [batch]. */
  readonly group?: string
  readonly personal?: readonly string[]
  /** While training: a first layer's kernel and bias, if they are one matrix. Its examples have a 1 behind their values. */
  readonly joined?: Joined
}

/** What a layer is made from: its name, and the extents of what comes in. */
export type Place = { readonly name: string; readonly input: Extents }

/** Errors of layers that do not fit together. */
export const misfit = (field: string, problem: string): WardroundError =>
  new WardroundError('WR_STUDY_INVALID', { field, problem })

/** Uniform in ±√(6 / (fan in + fan out)) (Glorot and Bengio 2010, eq. 16). */
export const glorot = (fanIn: number, fanOut: number): Initial => ({ uniform: Math.sqrt(6 / (fanIn + fanOut)) })

export const kernel = (name: string, shape: readonly number[], initial: Initial): WeightSpec => ({
  name,
  shape,
  initial,
  learnt: true,
  penalised: true,
})

export const parameter = (name: string, shape: readonly number[], constant: number): WeightSpec => ({
  name,
  shape,
  initial: { constant },
  learnt: true,
  penalised: false,
})
