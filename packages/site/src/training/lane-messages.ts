/** What is said between a trainer's thread and one beside it. Values go through memory that both see. */
import type { SessionOptions } from './session-options.ts'

/** The memory of an input or output, and what it is. */
export type SharedValue = {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array | Int32Array | Uint8Array
}

/** `run`: what the inputs' memory holds goes in, and what comes out is in the outputs' when it is answered. */
export type LaneRequest =
  | {
      readonly kind: 'open'
      readonly session: number
      readonly model: Uint8Array
      readonly options: SessionOptions
      readonly inputs: readonly SharedValue[]
      readonly outputs: readonly SharedValue[]
    }
  | { readonly kind: 'run'; readonly session: number }

/** `done`: what was asked for; the first one, that it is ready. */
export type LaneAnswer = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly problem: string }
