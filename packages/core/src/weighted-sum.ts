/**
 * y ← y + Σₖ cₖ·xₖ, in order of k, each product and each sum rounded to Float64: what one axpy() after another gives, to the bit, in one pass over y for
 * four x. Where the platform has WebAssembly with SIMD, two coordinates at a time: the same IEEE 754 operations in the same order. What is in the workbench of y
 * is summed where it is; the rest is copied there.
 */

import { blockLength, groupLength, type SumKernel, sumKernelAt } from './sum-kernel.ts'
import { axpy, type Vector } from './vector.ts'
import { workbench } from './workbench.ts'

export { groupLength }

export type Term = { readonly coefficient: number; readonly vector: Vector }

/** Vectors are as long as y. `kernel`: null for the plain loop. */
export function addTerms(terms: readonly Term[], y: Float64Array, kernel = kernelFor(y)): void {
  if (kernel === null) for (const { coefficient, vector } of terms) axpy(coefficient, vector, y)
  else for (let from = 0; from < y.length; from += blockLength) addBlock(kernel, terms, { y, from })
}

let shared: SumKernel | null | undefined

/** That of y's workbench, or one for all: nothing in it outlives a call. */
function kernelFor({ buffer }: Float64Array): SumKernel | null {
  const own = sumKernelAt(buffer)
  if (own !== undefined) return own
  shared ??= sumKernelAt(workbench(0).begin()(0).buffer) ?? null
  return shared
}

type Block = { readonly y: Float64Array; readonly from: number }

function addBlock(kernel: SumKernel, terms: readonly Term[], { y, from }: Block): void {
  const to = Math.min(y.length, from + blockLength)
  const here = y.buffer === kernel.buffer
  const sum = here ? y.subarray(from, to) : kernel.sum.subarray(0, to - from)
  if (!here) sum.set(y.subarray(from, to))
  for (let first = 0; first < terms.length; first += groupLength)
    addGroup(kernel, terms.slice(first, first + groupLength), { sum, from })
  if (!here) y.set(sum, from)
}

/** `sum` is in the kernel's memory, and `from` where it is in the vectors. What is left of fours of coordinates is added by the plain loop. */
function addGroup(kernel: SumKernel, terms: readonly Term[], { sum, from }: { sum: Float64Array; from: number }): void {
  const whole = sum.length - (sum.length % 4)
  let vectorsAt: number[] = []
  const addThem = (): void => {
    if (vectorsAt.length > 0 && whole > 0) kernel.add(sum.byteOffset, vectorsAt, whole)
    vectorsAt = []
  }
  for (const { coefficient, vector } of terms) {
    if (vector instanceof Float64Array) {
      addThem()
      axpy(coefficient, vector.subarray(from, from + whole), sum.subarray(0, whole))
    } else {
      kernel.coefficients[vectorsAt.length] = coefficient
      vectorsAt.push(addressOf(kernel, vector.subarray(from, from + whole), vectorsAt.length))
    }
  }
  addThem()
  if (whole < sum.length)
    for (const { coefficient, vector } of terms) axpy(coefficient, vector.subarray(from + whole), sum.subarray(whole))
}

/** Where a vector is; first it is copied, as the group's `index`-th, where it is elsewhere. */
function addressOf(kernel: SumKernel, vector: Float32Array, index: number): number {
  if (vector.buffer === kernel.buffer) return vector.byteOffset
  const place = kernel.vectors[index]
  place?.set(vector)
  return place?.byteOffset ?? 0
}
