/** One call of a trainer's process: the request goes in, progress and an answer come out, within its time; a cancellation is heard, or it is ended. */
import { WardroundError } from '@wardround/core/errors.ts'
import { withoutStart } from '@wardround/core/study/model-forms.ts'
import { trainerWords } from '@wardround/core/words/en/trainer.ts'
import { diskError } from '../files.ts'
import { letGo } from '../memory.ts'
import { answerIn, errorOf, type Finished } from './answers.ts'
import { type Asking, askEvery, checkpointBytes, type Passing, type Place, passing } from './checkpoints.ts'
import type { DatasetsThere } from './datasets-there.ts'
import { layOut, put } from './exchange.ts'
import type { PredictRequest, TrainRequest } from './messages.ts'
import type { CheckpointRequest, ProgramRequest } from './program-requests.ts'
import type { Listener, Sandbox } from './sandbox.ts'

export type TrainerProcess = { readonly sandbox: Sandbox; readonly datasets: DatasetsThere; readonly folder: string }

export type Call = {
  readonly id: number
  readonly minutes: number
  /** How long a cancelled process may take to notice. */
  readonly graceMs: number
  /** What may come back. */
  readonly resultBytes: number
  readonly handOver: boolean
  readonly signal?: AbortSignal | undefined
  /** Asked again and again; whatever it throws is what the call ends in, as soon as a cancelled one does. */
  readonly stillWanted?: (() => void) | undefined
  /** Of so many parts; each report is of more than the one before. */
  readonly progress?: { readonly parts: number; readonly before: number; on(done: number): void }
  readonly checkpoints?: CheckpointWish | undefined
}

/** Checkpoints are asked for every so often, and handed on. */
export type CheckpointWish = Place & { readonly everyMs: number; keep(checkpoint: Passing): Promise<void> }

export type Asked =
  | { readonly kind: 'train'; readonly request: TrainRequest }
  | { readonly kind: 'predict'; readonly request: PredictRequest }

/** Errors: those of training, WR_CANCELLED, WR_DISK, and why the process ended. */
export async function converse(process: TrainerProcess, asked: Asked, call: Call): Promise<Finished> {
  const { sandbox, folder } = process
  const { text, pieces, sizeBytes } = layOut(messageFor(process, asked, call.id))
  sandbox.allow(Math.max(sizeBytes, call.resultBytes))
  await put(sandbox.exchange, pieces).catch(async (error: unknown) => {
    const why = sandbox.reason() ?? diskError(folder, error)
    // It has not got the data that it is thought to have, and a limit on files that held us holds a process started meanwhile for ever.
    sandbox.end(why)
    throw why
  })
  if (call.handOver) letGo(asked.request.weights.map(({ data }) => data))
  // Nobody else has it.
  if (asked.kind === 'train') letGo((asked.request.resume?.carried ?? []).map(({ data }) => data))
  sandbox.hold(true)
  try {
    return await answerTo(text, sandbox, call)
  } finally {
    sandbox.listen(undefined)
    sandbox.hold(false)
  }
}

function messageFor({ datasets }: TrainerProcess, { kind, request }: Asked, id: number): ProgramRequest {
  const { data, ...rest } = request
  const message = { kind, id, ...datasets.ask(data), request: { ...rest, model: withoutStart(request.model) } }
  // Of the same kind, which is lost where the data is taken out of either.
  return message as ProgramRequest
}

/** With the grace for a process that does not hear: a second. */
const wantedMs = 200

async function answerTo(text: string, sandbox: Sandbox, call: Call): Promise<Finished> {
  const { id, minutes, graceMs, signal, stillWanted, checkpoints } = call
  const { promise, resolve, reject } = Promise.withResolvers<Finished>()
  const late = setTimeout(() => sandbox.end(new WardroundError('WR_TRAINER_TIME', { minutes })), minutes * 60_000)
  let grace: NodeJS.Timeout | undefined
  const abort = (): void => {
    // Wanted no more, and then cancelled: one timer is all that is cleared.
    if (grace !== undefined) return
    grace = setTimeout(() => sandbox.end(new WardroundError('WR_CANCELLED')), graceMs)
    sandbox.tell(JSON.stringify({ kind: 'cancel', id } satisfies ProgramRequest))
  }
  let unwanted: { readonly why: unknown } | undefined
  const wanted = setInterval(() => {
    try {
      stillWanted?.()
    } catch (why) {
      clearInterval(wanted)
      unwanted = { why }
      abort()
    }
  }, wantedMs).unref()
  const asking = checkpoints && askFor(checkpoints, sandbox, id)
  sandbox.listen(
    listenerFor(call, {
      resolve,
      reject,
      asking,
      malformed: (problem) => sandbox.end(new WardroundError('WR_TRAINER_ANSWER', { problem })),
    }),
  )
  sandbox.tell(text)
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await promise
  } catch (error) {
    throw unwanted === undefined ? error : unwanted.why
  } finally {
    clearInterval(wanted)
    clearTimeout(late)
    clearTimeout(grace)
    signal?.removeEventListener('abort', abort)
    // The exchange is the next call's.
    await asking?.stop()
  }
}

const askFor = ({ at, form, everyMs, keep }: CheckpointWish, { exchange, allow, tell }: Sandbox, id: number): Asking =>
  askEvery(everyMs, {
    ask() {
      allow(at + checkpointBytes(form))
      tell(JSON.stringify({ kind: 'checkpoint', id, at } satisfies CheckpointRequest))
    },
    take: async (done) => keep(await passing(exchange, { at, form }, done)),
  })

type Outcome = {
  resolve(answer: Finished): void
  reject(error: WardroundError): void
  malformed(problem: string): void
  readonly asking: Asking | undefined
}

function listenerFor({ id, progress }: Call, { resolve, reject, malformed, asking }: Outcome): Listener {
  const start = progress?.before ?? 0
  let before = start
  const line = (text: string): void => {
    const answer = answerIn(text)
    if (answer === undefined || answer.id !== id) malformed(trainerWords.misunderstood())
    else if (answer.kind === 'failed') reject(errorOf(answer))
    else if (answer.kind === 'checkpoint') {
      // Of what it has just said to have done, and not of all of it.
      const due = answer.done === before && before > start && before < (progress?.parts ?? 0)
      if (!due || asking?.answered(before) !== true) malformed(trainerWords.misunderstood())
    } else if (answer.kind !== 'progress') resolve(answer)
    else if (progress === undefined || answer.done <= before || answer.done > progress.parts)
      malformed(trainerWords.misunderstood())
    else {
      before = answer.done
      progress.on(before)
    }
  }
  return { line, ended: reject }
}
