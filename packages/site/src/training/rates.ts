/** The learning rate of each step, where a study has a schedule. */
import { countingOf, rateFactor, rateOf } from '@wardround/core/study/rate.ts'
import type { TrainRequest } from './messages.ts'
import type { Parts, Schedule } from './plan.ts'

/** Of the steps of some parts; undefined without a schedule. */
export function stepRates(
  { training: { schedule: spec, optimizer }, round }: Pick<TrainRequest, 'training' | 'round'>,
  schedule: Pick<Schedule, 'parts' | 'stepsPerPart'>,
  parts: Parts,
): Float32Array<ArrayBuffer> | undefined {
  if (spec === undefined) return undefined
  if (round === undefined) throw new TypeError('a schedule needs the number of the round')
  const { stepsPerPart } = schedule
  const first = (parts.from - schedule.parts.from) * stepsPerPart
  const count = (step: number): number => (countingOf(spec).over === 'rounds' ? round - 1 : first + step)
  return Float32Array.from(
    { length: parts.count * stepsPerPart },
    (_, step) => rateOf(optimizer) * rateFactor(spec, count(step)),
  )
}
