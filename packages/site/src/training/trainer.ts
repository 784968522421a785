/** Training behind a promise: one worker thread with ONNX Runtime, started at the first call and kept. */
import './no-telemetry.ts'
import { Worker } from 'node:worker_threads'
import { remoteError, WardroundError } from '@wardround/core/errors.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { buffersOf } from '../memory.ts'
import type { PredictRequest, TrainRequest, TrainResult, WorkerAnswer, WorkerRequest } from './messages.ts'

export type { Dataset, PredictRequest, TrainRequest, TrainResult } from './messages.ts'

/** `handOver`: the request's weights, and whatever shares their memory, are the trainer's from now on, and gone for the caller; otherwise they are copied. */
type HandingOver = { readonly handOver?: boolean }

export type Trainer = {
  /**
   * Steps of the study's optimizer, whose state starts afresh. The same request gives the same bits.
   * Errors: WR_TRAINING_DIVERGED, WR_CANCELLED (after `signal`), WR_TRAINING_FAILED.
   */
  train(
    request: TrainRequest,
    options?: HandingOver & { readonly signal?: AbortSignal; onProgress?(epoch: number): void },
  ): Promise<TrainResult>
  /** Probabilities [rows] or [rows, classes], or values [rows], row-major. */
  predict(request: PredictRequest, options?: HandingOver): Promise<Float32Array<ArrayBuffer>>
  /** Starts the worker, which loads the runtime: whoever knows that training is near need not wait for that then. */
  warm(): void
  close(): Promise<void>
}

/** What is answered. */
type Asked = Exclude<WorkerRequest, { readonly kind: 'close' }>

type Waiting = {
  /** Set to 1, it stops a training between two calls of the runtime. */
  readonly cancel?: Int32Array<SharedArrayBuffer>
  resolve(answer: WorkerAnswer): void
  reject(error: WardroundError): void
  progress(epoch: number): void
}

/** How long a cancelled worker may take to notice before another one takes its place. */
const graceMs = 10_000

export function createTrainer(): Trainer {
  let worker: Worker | undefined
  let nextId = 1
  const waiting = new Map<number, Waiting>()

  const failAll = (problem: string): void => {
    worker = undefined
    for (const { reject } of waiting.values()) reject(new WardroundError('WR_TRAINING_FAILED', { problem }))
    waiting.clear()
  }
  const started = (): Worker => {
    if (worker !== undefined) return worker
    const made = new Worker(new URL('./worker.ts', import.meta.url))
    made.on('message', (answer: WorkerAnswer) => settle(waiting, answer))
    made.on('error', (error) => failAll(error instanceof Error ? error.message : 'the worker broke down'))
    made.on('exit', (code) => made === worker && failAll(`the worker ended with ${code}`))
    made.unref()
    worker = made
    return made
  }
  const ask = (message: Asked, progress: (epoch: number) => void): Promise<WorkerAnswer> => {
    const target = started()
    const { promise, resolve, reject } = Promise.withResolvers<WorkerAnswer>()
    const cancel = 'cancel' in message ? { cancel: message.cancel } : {}
    target.postMessage(message, buffersOf(message.request.weights.map(({ data }) => data)))
    // Unreferenced while idle, so that a finished program ends; held while somebody waits.
    target.ref()
    waiting.set(message.id, { ...cancel, resolve, reject, progress })
    return promise.finally(() => waiting.size === 0 && worker?.unref())
  }
  const close = async (): Promise<void> => {
    const ending = worker
    for (const { cancel } of waiting.values()) if (cancel !== undefined) Atomics.store(cancel, 0, 1)
    failAll('the trainer was closed')
    if (ending !== undefined) await retired(ending)
  }

  return {
    async train(request, { signal, onProgress, handOver = false } = {}) {
      if (signal?.aborted) throw new WardroundError('WR_CANCELLED')
      const id = nextId++
      const cancel = new Int32Array(new SharedArrayBuffer(4))
      let grace: NodeJS.Timeout | undefined
      const abort = (): void => {
        Atomics.store(cancel, 0, 1)
        // Only what runs may have to be ended. The worker passes over the others when it comes to them.
        if (waiting.keys().next().value === id) grace = setTimeout(() => void close(), graceMs)
        else {
          waiting.get(id)?.reject(new WardroundError('WR_CANCELLED'))
          waiting.delete(id)
        }
      }
      signal?.addEventListener('abort', abort, { once: true })
      try {
        const answer = await ask({ id, kind: 'train', request: owned(request, handOver), cancel }, (epoch) =>
          onProgress?.(epoch),
        )
        if (answer.kind !== 'trained')
          throw new WardroundError('WR_INTERNAL', { what: `the worker answered ${answer.kind}` })
        return answer.result
      } catch (error) {
        throw signal?.aborted ? new WardroundError('WR_CANCELLED', {}, { cause: error }) : error
      } finally {
        clearTimeout(grace)
        signal?.removeEventListener('abort', abort)
      }
    },
    async predict(request, { handOver = false } = {}) {
      const asked = { id: nextId++, kind: 'predict' as const, request: owned(request, handOver) }
      const answer = await ask(asked, () => undefined)
      if (answer.kind !== 'predicted')
        throw new WardroundError('WR_INTERNAL', { what: `the worker answered ${answer.kind}` })
      return answer.result
    },
    warm: () => void started(),
    close,
  }
}

/** With weights that can be handed over. What is not handed over would be copied twice: it is written down, and read again by the other thread. */
const owned = <R extends { readonly weights: Weights }>(request: R, handOver: boolean): R =>
  handOver
    ? request
    : { ...request, weights: request.weights.map((tensor) => ({ ...tensor, data: tensor.data.slice() })) }

/**
 * Resolves when a worker has ended, by itself, between two calls of the runtime: one that is terminated inside a call takes the whole process with it
 * (the runtime's binding throws where nothing can catch).
 */
function retired(worker: Worker): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  worker.ref()
  worker.once('exit', () => resolve())
  worker.postMessage({ kind: 'close' } satisfies WorkerRequest)
  return promise
}

function settle(waiting: Map<number, Waiting>, answer: WorkerAnswer): void {
  const entry = waiting.get(answer.id)
  if (entry === undefined) return
  if (answer.kind === 'progress') {
    entry.progress(answer.epoch)
    return
  }
  waiting.delete(answer.id)
  if (answer.kind === 'failed') entry.reject(remoteError(answer.code, answer.parameters))
  else entry.resolve(answer)
}
