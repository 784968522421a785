/** How much a trainer's process may use. */
import { totalmem } from 'node:os'

export type TrainerLimits = {
  /** Of memory, resident, Node and ONNX Runtime with it. */
  readonly memoryMegabytes: number
  /** For one call: the training of one round, or predictions. */
  readonly minutes: number
}

/** Limits that somebody chose, as far as somebody did. */
export type ChosenLimits = { readonly [Limit in keyof TrainerLimits]?: number | undefined }

/** Half of the memory that the machine, or the container, has: the site and the system need theirs; and a day, since what ends a round early is the coordinator's deadline. */
export function limitsFor({ memoryMegabytes, minutes = 24 * 60 }: ChosenLimits): TrainerLimits {
  const constrained = process.constrainedMemory()
  const bytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
  return { memoryMegabytes: memoryMegabytes ?? Math.max(least, Math.floor(bytes / 2e6)), minutes }
}

/** Node and ONNX Runtime alone need a third of it. */
const least = 500
