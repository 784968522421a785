/**
 * Training behind a promise: one process with ONNX Runtime and no rights (sandbox.ts), started at the first call and kept while there are calls. One request after another, so that two never
 * share the machine's processors. However the process ends, the next call has a fresh one.
 */
import { availableParallelism, tmpdir } from 'node:os'
import { WardroundError } from '@wardround/core/errors.ts'
import { isDivided, partsOfBatch } from '@wardround/core/graph/parted-step.ts'
import { trainerWords } from '@wardround/core/words/en/trainer.ts'
import type { Finished } from './answers.ts'
import type { Checkpoints } from './checkpoints.ts'
import { type Asked, type Call, converse, type TrainerProcess } from './conversation.ts'
import { datasetsThere } from './datasets-there.ts'
import type { Device } from './device.ts'
import type { Exchange } from './exchange.ts'
import { type ChosenLimits, limitsFor } from './limits.ts'
import type { PredictRequest, TrainRequest, TrainResult } from './messages.ts'
import { expectedOf, predictedIn, predictionBytes, trainedIn } from './results.ts'
import { type SandboxOptions, startSandbox } from './sandbox.ts'
import { carriedBy } from './step-options.ts'
import { waitingLine } from './waiting-line.ts'

export type { Checkpoints } from './checkpoints.ts'
export type { Dataset, PredictRequest, TrainRequest, TrainResult } from './messages.ts'

/** `handOver`: the request's weights, and whatever shares their memory, are the trainer's from now on, and gone for the caller; otherwise they are left as they are, and not to be changed meanwhile. */
type HandingOver = { readonly handOver?: boolean }

export type Trainer = {
  /**
   * Steps of the study's optimizer, whose state starts afresh. The same request gives the same bits.
   * Errors: WR_TRAINING_DIVERGED, WR_CANCELLED (after `signal`, within a second), WR_TRAINING_FAILED; WR_TRAINER_… where its process was stopped, or ended.
   */
  train(
    request: TrainRequest,
    options?: HandingOver & {
      readonly signal?: AbortSignal
      /** Throws what training is to end in, once it is wanted no more: asked a few times a second. */
      readonly stillWanted?: () => void
      onProgress?(done: number): void
      /** Where it goes on from, and where it is kept now and then how far it is. */
      readonly checkpoints?: Checkpoints
    },
  ): Promise<TrainResult>
  /** Probabilities [rows] or [rows, classes], or values [rows], row-major. */
  predict(request: PredictRequest, options?: HandingOver): Promise<Float32Array<ArrayBuffer>>
  /** Starts the process for a study, which loads the runtime: whoever knows that training is near need not wait for that then. */
  warm(study: Pick<TrainRequest, 'model' | 'training'>): void
  close(): Promise<void>
}

export type TrainerOptions = {
  /** Where room is taken for what goes to the process and comes back; the system's folder for such things otherwise. */
  readonly folder?: string
  readonly limits?: ChosenLimits
  readonly device?: Device
  /** Of the processor, for this trainer: others compute beside it. Training keeps to one as yet. */
  /** How many parts of a batch (`microbatch`) may be worked on at once; all that the machine has, unless said otherwise. No bit depends on it. */
  readonly cores?: number
  /** What runs in the process: another program for tests. */
  readonly program?: URL
  /** After so long without a call the process ends. */
  readonly idleMs?: number
  /** A cancelled call that goes on for so long is ended, with its process: a second is what a person waits. */
  readonly graceMs?: number
  /** Training so long gets a checkpoint, and another one whenever so much time has passed again: what a crash may lose. */
  readonly checkpointMs?: number
}

const ownProgram = new URL('./program.ts', import.meta.url)
const programOfFiles = new URL('./program-of-files.ts', import.meta.url)

export function createTrainer(options: TrainerOptions = {}): Trainer {
  const { folder = tmpdir(), program, device = 'cpu', idleMs = 60_000, graceMs = 800, checkpointMs = 30_000 } = options
  const limits = limitsFor(options.limits ?? {})
  const { cores = availableParallelism() } = options
  const kept = keptProcess({ folder, limits, device }, (ofFiles) => program ?? (ofFiles ? programOfFiles : ownProgram))
  // A GPU works on one part after another.
  const beside = device === 'cpu' ? cores - 1 : 0
  const needsOf = ({ model, training: { microbatch, batch } = { batch: 0 } }: Needing): Needs => ({
    ofFiles: 'onnx' in model,
    threads: isDivided(microbatch, batch) ? Math.min(beside, partsOfBatch(batch, microbatch).length - 1) : 0,
  })
  let nextId = 1
  let idleSince: NodeJS.Timeout | undefined
  const line = waitingLine((idle) => {
    clearTimeout(idleSince)
    if (idle) idleSince = setTimeout(() => void kept.end(closed()), idleMs).unref()
  })

  /** In its turn; `take` has the result from the exchange, before the next one's turn. */
  const call = <T>(asked: Asked, how: How, take: Taking<T>): Promise<T> =>
    line.wait(async () => {
      const process = await kept.started(needsOf(asked.request))
      const { sandbox } = process
      const answer = await converse(process, asked, { ...how, id: nextId++, minutes: limits.minutes, graceMs })
      return take(answer, sandbox.exchange).catch((error: unknown) => {
        throw sandbox.reason() ?? error
      })
    }, how.signal)

  return {
    async train(asked, { signal, stillWanted, onProgress, handOver = false, checkpoints } = {}) {
      if (signal?.aborted) throw new WardroundError('WR_CANCELLED')
      const expected = expectedOf(asked)
      const { parts, bytes: resultBytes } = expected
      const form = { parts, specs: checkpoints === undefined ? [] : carriedBy(asked) }
      const resume = checkpoints?.find(form)
      const request = resume === undefined ? asked : { ...asked, resume }
      const progress = { parts, before: resume?.done ?? 0, on: (done: number) => onProgress?.(done) }
      const wish = checkpoints && { at: resultBytes, form, everyMs: checkpointMs, keep: checkpoints.keep }
      const how = { signal, stillWanted, handOver, resultBytes, progress, checkpoints: wish }
      return await call({ kind: 'train', request }, how, (answer, exchange) =>
        trainedIn(exchange, expected, answer),
      ).catch((error: unknown) => {
        throw signal?.aborted ? new WardroundError('WR_CANCELLED', {}, { cause: error }) : error
      })
    },
    predict(request, { handOver = false } = {}) {
      const how = { handOver, resultBytes: predictionBytes(request) }
      return call({ kind: 'predict', request }, how, (answer, exchange) => predictedIn(exchange, request, answer))
    },
    // Whoever trains is told what goes wrong.
    warm: (study) => void kept.started(needsOf(study)).catch(() => undefined),
    async close() {
      line.fail(closed())
      clearTimeout(idleSince)
      await kept.end(closed())
    },
  }
}

type How = Omit<Call, 'id' | 'minutes' | 'graceMs'>
type Taking<T> = (answer: Finished, exchange: Exchange) => Promise<T>

const closed = (): WardroundError => new WardroundError('WR_TRAINING_FAILED', { problem: trainerWords.closed() })

/** What a process has to have for a request; predictions need no threads. */
type Needs = { readonly ofFiles: boolean; readonly threads: number }
type Needing = Pick<TrainRequest, 'model'> & {
  readonly training?: Pick<TrainRequest['training'], 'batch' | 'microbatch'>
}

/** The process there is, or a new one; one that reads models from files, or has threads, does everything else, too. */
function keptProcess(options: Omit<SandboxOptions, 'program' | 'threads'>, programFor: (ofFiles: boolean) => URL) {
  let process: Promise<TrainerProcess> | undefined
  let has: Needs = { ofFiles: false, threads: 0 }
  const start = async ({ ofFiles, threads }: Needs): Promise<TrainerProcess> => {
    const sandbox = await startSandbox({ ...options, threads, program: programFor(ofFiles) })
    has = { ofFiles, threads }
    sandbox.hold(false)
    return { sandbox, datasets: datasetsThere(), folder: options.folder }
  }
  const ended = async ({ sandbox }: TrainerProcess): Promise<void> => {
    sandbox.hold(true)
    await sandbox.ended
  }
  const after = async (before: Promise<TrainerProcess> | undefined, needs: Needs): Promise<TrainerProcess> => {
    const there = await before?.catch(() => undefined)
    const isEnough = has.threads >= needs.threads && (has.ofFiles || !needs.ofFiles)
    if (there?.sandbox.alive() && isEnough) return there
    there?.sandbox.end(closed())
    // Only one at a time has memory.
    if (there !== undefined) await ended(there)
    return start(needs)
  }
  return {
    started(needs: Needs): Promise<TrainerProcess> {
      process = after(process, needs)
      return process
    },
    /** Resolves when it has ended. */
    async end(why: WardroundError): Promise<void> {
      const ending = await process?.catch(() => undefined)
      ending?.sandbox.end(why)
      if (ending !== undefined) await ended(ending)
    },
  }
}
