/**
 * A way to run a training request's steps. Whichever is taken, the weights' bits are the same, and the losses to all but the last; but for small models, which go one way alone, where their
 * first layer's kernel and bias are one (core/graph/joined.ts).
 */
import type { TensorSpec, Weights } from '@wardround/core/weights.ts'
import type { Device } from './device.ts'
import type { Feeds } from './feeds.ts'
import type { TrainRequest } from './messages.ts'
import type { Parts, Schedule } from './plan.ts'
import { floatsIn } from './session.ts'

export type Way = {
  /** So many parts of the schedule are run at once. */
  readonly pace: number
  /** Runs the steps of some parts, after those before them; each step's data loss. */
  advance(parts: Parts): Promise<Float32Array>
  /** As they are in the end, in model order. */
  weights(): Weights
  /** The same, and the optimizer's state, between two calls of advance(): theirs to change after the next one. */
  carried(): Weights
}

export const carriedWeights = (carried: Feeds, specs: readonly TensorSpec[]): Weights =>
  specs.map(({ name, shape }) => ({ name, shape, data: floatsIn(carried[name]) }))

export type WayOptions = {
  readonly request: TrainRequest
  readonly schedule: Schedule
  readonly batch: number
  /** Throws where training is to end. */
  readonly goOn: () => void
  readonly device?: Device
}

/** The value for a key, made once: a session for a graph. */
export type Remembered<V> = (key: unknown, make: () => Promise<V>) => Promise<V>

export function remembered<V>(): Remembered<V> {
  const known = new Map<string, Promise<V>>()
  return (key, make) => {
    const name = JSON.stringify(key)
    const value = known.get(name) ?? make()
    known.set(name, value)
    // A failure is not kept.
    return value.catch((error: unknown) => {
      known.delete(name)
      throw error
    })
  }
}
