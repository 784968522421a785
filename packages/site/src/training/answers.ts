/** What a trainer's process says, a line each. It is read as a stranger's: a process that was taken over may say anything, and can say nothing that reaches further than its request. */
import { remoteError, type WardroundError } from '@wardround/core/errors.ts'
import { z } from 'zod'
import { failureCodes, sentenceLength } from './failures.ts'

const parametersSchema = z.record(z.string().max(40), z.union([z.string().max(sentenceLength), z.number()]))

const answerSchema = z.discriminatedUnion('kind', [
  /** So many parts of the schedule are done. */
  z.strictObject({ kind: z.literal('progress'), id: z.int(), done: z.int() }),
  /** What there is after so many parts is in the exchange, where it was asked for. */
  z.strictObject({ kind: z.literal('checkpoint'), id: z.int(), done: z.int() }),
  /** Weights and losses are in the exchange. */
  z.strictObject({ kind: z.literal('trained'), id: z.int() }),
  /** So many predictions are in the exchange. */
  z.strictObject({ kind: z.literal('predicted'), id: z.int(), length: z.int().min(0) }),
  z.strictObject({
    kind: z.literal('failed'),
    id: z.int(),
    code: z.enum(failureCodes),
    parameters: parametersSchema,
  }),
])

export type Answer = z.output<typeof answerSchema>
/** What a call ends with, if all goes well. */
export type Finished = Exclude<Answer, { kind: 'progress' | 'checkpoint' | 'failed' }>
export type Failure = Extract<Answer, { kind: 'failed' }>

/** No answer is longer. */
export const answerLength = 64 * 1024

/** Undefined for what no trainer of ours says. */
export function answerIn(line: string): Answer | undefined {
  try {
    return answerSchema.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}

export const errorOf = ({ code, parameters }: Failure): WardroundError => remoteError(code, parameters)
