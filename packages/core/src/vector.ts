/**
 * Flat-vector arithmetic. Sums are Float64 and run from low index to high, so that one input has one result. Lengths are asked for once: in a loop that V8
 * has not compiled to the end, each time costs more than the arithmetic.
 */

export type Vector = Float32Array | Float64Array

/** y ← y + a·x, in place. */
export function axpy(a: number, x: Vector, y: Float64Array): void {
  const { length } = y
  for (let i = 0; i < length; i++) y[i] = (y[i] ?? 0) + a * (x[i] ?? 0)
}

/** a + b, each sum rounded to Float32 once. `b` may be Float64. */
export function sum32(a: Vector, b: Vector): Float32Array<ArrayBuffer> {
  const { length } = a
  const sum = new Float32Array(length)
  for (let i = 0; i < length; i++) sum[i] = (a[i] ?? 0) + (b[i] ?? 0)
  return sum
}

/** difference ← a − b, rounded to Float32. */
export function subtract(a: Float32Array, b: Float32Array, difference: Float32Array): void {
  const { length } = difference
  for (let i = 0; i < length; i++) difference[i] = (a[i] ?? 0) - (b[i] ?? 0)
}

/** f(xᵢ, i) for each i. By index: a typed array's own map() takes several times as long. */
export function mapped(x: Float64Array, f: (value: number, index: number) => number): Float64Array<ArrayBuffer> {
  const { length } = x
  const result = new Float64Array(length)
  for (let i = 0; i < length; i++) result[i] = f(x[i] ?? 0, i)
  return result
}

/** Σ xᵢ², added to the sum of what stands before x. By index: iterating a typed array takes several times as long. */
export function squareSum(x: Vector, before = 0): number {
  const { length } = x
  let sum = before
  for (let i = 0; i < length; i++) {
    const value = x[i] ?? 0
    sum += value * value
  }
  return sum
}

/** ‖x‖₂ of a vector that may come in parts. */
export const l2Norm = (...x: readonly Vector[]): number => Math.sqrt(x.reduce((sum, part) => squareSum(part, sum), 0))

/** The index of the first NaN or infinity, or −1. */
export function firstNotFinite(x: Vector): number {
  const { length } = x
  // Zero times anything finite is zero, and nothing else is: four sums of that are twice as fast as a question about each.
  let [a, b, c, d] = [0, 0, 0, 0]
  const fours = length - (length % 4)
  for (let i = 0; i < fours; i += 4) {
    a += (x[i] ?? 0) * 0
    b += (x[i + 1] ?? 0) * 0
    c += (x[i + 2] ?? 0) * 0
    d += (x[i + 3] ?? 0) * 0
  }
  for (let i = a + b + c + d === 0 ? fours : 0; i < length; i++) if (!Number.isFinite(x[i])) return i
  return -1
}
