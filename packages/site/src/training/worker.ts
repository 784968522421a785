/** The worker thread: one request after another, so that two never share the machine's threads. */
import { parentPort } from 'node:worker_threads'
import { asWardroundError } from '@wardround/core/errors.ts'
import { buffersOf, letGo } from '../memory.ts'
import type { WorkerAnswer, WorkerRequest } from './messages.ts'
import { createRunner } from './run.ts'

const runner = createRunner()
const answer = (message: WorkerAnswer, given: readonly ArrayBuffer[] = []): void =>
  parentPort?.postMessage(message, [...given])
let queue: Promise<void> = Promise.resolve()

parentPort?.on('message', (message: WorkerRequest) => {
  queue = queue.then(() => handle(message))
})

async function handle(message: WorkerRequest): Promise<void> {
  // Of this thread.
  if (message.kind === 'close') process.exit()
  const { id } = message
  try {
    if (message.kind === 'predict') {
      const result = await runner.predict(message.request)
      // Copies, or handed over.
      letGo(message.request.weights.map(({ data }) => data))
      answer({ id, kind: 'predicted', result })
      return
    }
    const result = await runner.train(message.request, {
      cancelled: () => Atomics.load(message.cancel, 0) === 1,
      progress: (epoch) => answer({ id, kind: 'progress', epoch }),
    })
    // Handed over, not copied: this thread needs them no more.
    answer({ id, kind: 'trained', result }, buffersOf(result.weights.map(({ data }) => data)))
  } catch (error) {
    const { code, parameters, cause } = asWardroundError(error)
    if (code !== 'WR_INTERNAL') answer({ id, kind: 'failed', code, parameters })
    else
      answer({
        id,
        kind: 'failed',
        code: 'WR_TRAINING_FAILED',
        parameters: { problem: cause instanceof Error ? cause.message : code },
      })
  }
}
