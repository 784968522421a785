/** What a trainer's process leaves in the exchange, checked as a stranger's: as much as was asked for, of the shapes that were asked for, and finite. */
import { WardroundError } from '@wardround/core/errors.ts'
import { firstNotFinite } from '@wardround/core/vector.ts'
import { dimensionOf, sizeOf, type TensorSpec } from '@wardround/core/weights.ts'
import { trainerWords } from '@wardround/core/words/en/trainer.ts'
import type { Finished } from './answers.ts'
import { type Exchange, take } from './exchange.ts'
import type { PredictRequest, TrainRequest, TrainResult } from './messages.ts'
import { scheduleOf } from './plan.ts'

/** What training comes to, known before it begins. */
export type Expected = {
  readonly specs: readonly TensorSpec[]
  readonly parts: number
  readonly steps: number
  readonly losses: number
  readonly bytes: number
}

export function expectedOf(request: TrainRequest): Expected {
  const { data, labels, training } = request
  const batch = Math.min(training.batch, data.rows)
  const { parts, stepsPerPart } = scheduleOf(request, { rows: data.rows, batch, labels })
  const specs = request.weights.map(({ name, shape }) => ({ name, shape }))
  const losses = 'steps' in request ? 1 : parts.count
  const bytes = 4 * dimensionOf(specs) + 8 * losses
  return { specs, parts: parts.count, steps: parts.count * stepsPerPart, losses, bytes }
}

/** Errors: WR_TRAINER_ANSWER. */
export async function trainedIn(
  file: Exchange,
  { specs, steps, losses }: Expected,
  answer: Finished,
): Promise<TrainResult> {
  if (answer.kind !== 'trained') throw malformed()
  const weights = specs.map(({ name, shape }) => ({ name, shape, data: new Float32Array(sizeOf(shape)) }))
  const lossPerEpoch = new Float64Array(losses)
  const arrays = weights.map(({ data }) => data)
  await taken(file, [...arrays, lossPerEpoch])
  if ([...arrays, lossPerEpoch].some((values) => firstNotFinite(values) >= 0)) throw malformed()
  return { weights, steps, lossPerEpoch: [...lossPerEpoch] }
}

/** Values of one prediction, at the most: classes, or what else a model says of a record. */
const widest = 4096

export const predictionBytes = ({ data }: PredictRequest): number => 4 * widest * data.rows

/** Errors: WR_TRAINER_ANSWER. */
export async function predictedIn(
  file: Exchange,
  { data: { rows } }: PredictRequest,
  answer: Finished,
): Promise<Float32Array<ArrayBuffer>> {
  if (answer.kind !== 'predicted') throw malformed()
  const { length } = answer
  const possible = rows === 0 ? length === 0 : length % rows === 0 && length >= rows && length / rows <= widest
  if (!possible) throw malformed()
  const predictions = new Float32Array(length)
  await taken(file, [predictions])
  return predictions
}

async function taken(file: Exchange, arrays: Parameters<typeof take>[1]): Promise<void> {
  if (!(await take(file, arrays))) throw malformed()
}

const malformed = (): WardroundError =>
  new WardroundError('WR_TRAINER_ANSWER', { problem: trainerWords.misunderstood() })
