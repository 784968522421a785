/**
 * Checkpoints of a call of a trainer's process: asked for every so often, put into the exchange behind the result's place by the process, which goes on at once, and taken from there piece
 * by piece. Whoever trains for less than that is never asked.
 */
import { WardroundError } from '@wardround/core/errors.ts'
import { firstNotFinite } from '@wardround/core/vector.ts'
import { dimensionOf, type TensorSpec } from '@wardround/core/weights.ts'
import { trainerWords } from '@wardround/core/words/en/trainer.ts'
import { type Exchange, take } from './exchange.ts'
import type { Checkpoint } from './messages.ts'

/** What a checkpoint of a request consists of. */
export type CheckpointForm = {
  readonly parts: number
  readonly specs: readonly TensorSpec[]
}

/** A checkpoint as it comes from a process. `values`: of what is carried, piece by piece, in the same memory. */
export type Passing = Omit<Checkpoint, 'carried'> & { values(): AsyncIterable<Uint8Array> }

/** Where somebody keeps one call's latest checkpoint. */
export type Checkpoints = {
  /** One of this very request; undefined where there is none. */
  find(form: CheckpointForm): Checkpoint | undefined
  /** In the place of the one before. After an error no other comes. */
  keep(checkpoint: Passing): Promise<void>
}

export type Asking = {
  /** Takes one that was asked for; false for one that was not, or is of another moment. */
  answered(done: number): boolean
  /** Resolves when none is being taken. */
  stop(): Promise<void>
}

/** Asks by `ask`, again and again: `everyMs` after the start, and after the last one was taken; where that is 0, at once. */
export function askEvery(everyMs: number, { ask, take }: { ask(): void; take(done: number): Promise<void> }): Asking {
  let asked = false
  let taking = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const now = (): void => {
    asked = true
    ask()
  }
  const later = (): void => {
    if (stopped) return
    if (everyMs === 0) now()
    else timer = setTimeout(now, everyMs).unref()
  }
  later()
  return {
    answered(done) {
      if (!asked) return false
      asked = false
      // Training is worth more than a checkpoint of it: whoever keeps them says why there is none.
      taking = take(done).then(later, () => undefined)
      return true
    },
    stop() {
      stopped = true
      clearTimeout(timer)
      return taking
    },
  }
}

/** Where a checkpoint lies in an exchange, and of how many bytes it is at the most. */
export type Place = { readonly at: number; readonly form: CheckpointForm }

export const checkpointBytes = ({ parts, specs }: CheckpointForm): number => 4 * dimensionOf(specs) + 8 * parts

/** What lies there after `done` parts. Errors: WR_TRAINER_ANSWER; WR_TRAINING_DIVERGED for what is no number, which training says itself a little later. */
export async function passing(exchange: Exchange, { at, form }: Place, done: number): Promise<Passing> {
  const count = dimensionOf(form.specs)
  const losses = new Float64Array(done)
  const taken = async (array: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>, from: number): Promise<void> => {
    if (!(await take(exchange, [array], from)))
      throw new WardroundError('WR_TRAINER_ANSWER', { problem: trainerWords.misunderstood() })
    if (firstNotFinite(array) >= 0) throw new WardroundError('WR_TRAINING_DIVERGED', { epoch: done })
  }
  await taken(losses, at + 4 * count)
  return {
    done,
    losses: [...losses],
    async *values() {
      const memory = new Float32Array(Math.min(pieceValues, count))
      for (let from = 0; from < count; from += memory.length) {
        const piece = memory.subarray(0, Math.min(memory.length, count - from))
        await taken(piece, at + 4 * from)
        yield new Uint8Array(piece.buffer, 0, piece.byteLength)
      }
    },
  }
}

const pieceValues = 1 << 20
