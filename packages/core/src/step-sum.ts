/**
 * What is done to a sum once it is made, coordinate by coordinate. Where all of it is in one workbench, two coordinates at a time: the same IEEE 754 operations in the same
 * order.
 */
import { stepKernelAt } from './step-kernel.ts'

/** x ← x / divisor, in place. Gives Σ xᵢ² of the quotients, from low to high: a pass over memory costs more than what is done in it. */
export function divide(x: Float64Array, divisor: number): number {
  const whole = x.length - (x.length % 4)
  const kernel = whole > 0 ? stepKernelAt(x.buffer) : undefined
  let squares = kernel?.divide(x.byteOffset, whole, divisor) ?? 0
  for (let i = kernel === undefined ? 0 : whole; i < x.length; i++) {
    const value = (x[i] ?? 0) / divisor
    x[i] = value
    squares += value * value
  }
  return squares
}

/** next ← weights + step, each sum rounded to Float32 once. */
export function addStep(weights: Float32Array, step: Float64Array, next: Float32Array): void {
  const whole = next.length - (next.length % 4)
  const together = weights.buffer === step.buffer && next.buffer === step.buffer && whole > 0
  const kernel = together ? stepKernelAt(step.buffer) : undefined
  kernel?.addStep({ weightsAt: weights.byteOffset, stepAt: step.byteOffset, nextAt: next.byteOffset }, whole)
  for (let i = kernel === undefined ? 0 : whole; i < next.length; i++) next[i] = (weights[i] ?? 0) + (step[i] ?? 0)
}
