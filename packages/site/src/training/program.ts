/** The trainer's process: one request after another, until nobody listens. Started by sandbox.ts with no right but to compute. */
import { asWardroundError } from '@wardround/core/errors.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { letGo } from '../memory.ts'
import type { Answer } from './answers.ts'
import { isDevice } from './device.ts'
import { putNow, takeIn } from './exchange.ts'
import { isFailureCode, sentenceLength } from './failures.ts'
import { ownLane, startThreads } from './lanes.ts'
import { lineReader } from './lines.ts'
import type { Dataset, PredictRequest, TrainRequest } from './messages.ts'
import { type CheckpointRequest, exchangeFile, type WorkRequest } from './program-requests.ts'
import { giveUpRights } from './rights.ts'
import { createRunner } from './run.ts'

const [, , asked, threads] = process.argv
const device = isDevice(asked) ? asked : 'cpu'
const beside = Number(threads) > 0 ? await startThreads(Number(threads)) : undefined
giveUpRights()

const runner = createRunner(device, [ownLane(device), ...(beside?.lanes ?? [])])
/** By digest. The other side says what to keep. */
const datasets = new Map<string, Dataset>()
let cancelled = 0
let checkpoint: Omit<CheckpointRequest, 'kind'> | undefined
let queue: Promise<void> = Promise.resolve()

const tell = (answer: Answer): void => void process.stdout.write(`${JSON.stringify(answer)}\n`)

async function handle(line: string): Promise<void> {
  const asked = takeIn(line, exchangeFile) as WorkRequest
  const { id } = asked
  try {
    for (const digest of asked.forget) datasets.delete(digest)
    if (asked.dataset.value !== undefined) datasets.set(asked.dataset.digest, asked.dataset.value)
    const data = datasets.get(asked.dataset.digest)
    if (data === undefined) throw new TypeError('there is no such data set')
    if (asked.kind === 'predict') await predict(id, { ...asked.request, data })
    else await train(id, { ...asked.request, data })
  } catch (error) {
    tell({ kind: 'failed', id, ...failureOf(error) })
  }
}

async function train(id: number, request: TrainRequest): Promise<void> {
  const { weights, lossPerEpoch } = await runner.train(request, {
    cancelled: () => cancelled === id,
    progress: (done) => tell({ kind: 'progress', id, done }),
    between(standing) {
      if (checkpoint?.id !== id) return
      const { done, carried, losses } = standing()
      putNow(exchangeFile, [...arraysOf(carried), Float64Array.from(losses)], checkpoint.at)
      checkpoint = undefined
      tell({ kind: 'checkpoint', id, done })
    },
  })
  putNow(exchangeFile, [...arraysOf(weights), Float64Array.from(lossPerEpoch)])
  letGo([...arraysOf(weights), ...arraysOf(request.weights)])
  tell({ kind: 'trained', id })
}

async function predict(id: number, request: PredictRequest): Promise<void> {
  const predictions = await runner.predict(request)
  letGo(arraysOf(request.weights))
  putNow(exchangeFile, [predictions])
  tell({ kind: 'predicted', id, length: predictions.length })
}

const arraysOf = (weights: Weights) => weights.map(({ data }) => data)

function failureOf(error: unknown) {
  const { code, parameters, cause } = asWardroundError(error)
  if (!isFailureCode(code)) {
    const problem = (cause instanceof Error ? cause.message : code).slice(0, sentenceLength)
    return { code: 'WR_TRAINING_FAILED' as const, parameters: { problem } }
  }
  const plain: Record<string, string | number> = {}
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) plain[name] = typeof value === 'number' ? value : String(value).slice(0, sentenceLength)
  return { code, parameters: plain }
}

const reader = lineReader(Number.POSITIVE_INFINITY, {
  line(text) {
    // Heard between two calls of the runtime, while the request that it is about is under way.
    const [, kind, id, at] = /^\{"kind":"(cancel|checkpoint)","id":(\d+)(?:,"at":(\d+))?\}$/.exec(text) ?? []
    if (kind === undefined) queue = queue.then(() => handle(text))
    else if (kind === 'cancel') cancelled = Number(id)
    else checkpoint = { id: Number(id), at: Number(at) }
  },
  tooLong: () => undefined,
})
process.stdin.setEncoding('utf8').on('data', (piece) => reader(String(piece)))
// The site has ended.
process.stdin.on('end', () => process.exit())
