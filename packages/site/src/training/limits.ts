/** How much a trainer's process may use. */
import { totalmem } from 'node:os'

export type TrainerLimits = {
  /** Of memory, resident, Node and ONNX Runtime with it. */
  readonly memoryMegabytes: number
  /** For one call: the training of one round, or predictions. */
  readonly minutes: number
}

/** Half of what the machine, or the container, has: the site, its coordinator's other sites and the system need theirs. */
export function usualLimits(): TrainerLimits {
  const constrained = process.constrainedMemory()
  const bytes = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
  return { memoryMegabytes: Math.max(leastMegabytes, Math.floor(bytes / 2e6)), minutes: 24 * 60 }
}

/** Node and ONNX Runtime need a quarter of it. */
const leastMegabytes = 500
