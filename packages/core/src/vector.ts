/** Flat-vector arithmetic. Sums are Float64 and run from low index to high, so that one input has one result. */

export type Vector = Float32Array | Float64Array

/** y ← y + a·x, in place. */
export function axpy(a: number, x: Vector, y: Float64Array): void {
  for (let i = 0; i < y.length; i++) y[i] = (y[i] ?? 0) + a * (x[i] ?? 0)
}

/** ‖x‖₂. */
export function l2Norm(x: Vector): number {
  let sum = 0
  for (const value of x) sum += value * value
  return Math.sqrt(sum)
}

/** The index of the first NaN or infinity, or −1. */
export function firstNotFinite(x: Vector): number {
  for (let i = 0; i < x.length; i++) if (!Number.isFinite(x[i])) return i
  return -1
}
