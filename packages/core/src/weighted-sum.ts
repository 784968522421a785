/**
 * y ← y + Σₖ cₖ·xₖ, in order of k, each product and each sum rounded to Float64: what one axpy() after another gives, to the bit, in one pass over y for
 * four x. Where the platform has WebAssembly with SIMD, two coordinates at a time: the same IEEE 754 operations in the same order.
 */

export { groupLength } from './sum-kernel.ts'

import { blockLength, groupLength, type SumKernel, sumKernel } from './sum-kernel.ts'
import { axpy, type Vector } from './vector.ts'

export type Term = { readonly coefficient: number; readonly vector: Vector }

/** Vectors are as long as y. `kernel`: null for the plain loop. */
export function addTerms(terms: readonly Term[], y: Float64Array, kernel = sharedKernel()): void {
  if (kernel === null) for (const { coefficient, vector } of terms) axpy(coefficient, vector, y)
  else for (let from = 0; from < y.length; from += blockLength) addBlock(kernel, terms, { y, from })
}

let shared: SumKernel | null | undefined

/** One for all: nothing in it outlives a call. */
function sharedKernel(): SumKernel | null {
  shared ??= sumKernel() ?? null
  return shared
}

type Block = { readonly y: Float64Array; readonly from: number }

function addBlock(kernel: SumKernel, terms: readonly Term[], { y, from }: Block): void {
  const to = Math.min(y.length, from + blockLength)
  const sum = kernel.sum.subarray(0, to - from)
  sum.set(y.subarray(from, to))
  let count = 0
  const addGroup = (): void => {
    if (count > 0) kernel.add(count, to - from)
    count = 0
  }
  for (const { coefficient, vector } of terms) {
    if (vector instanceof Float64Array) {
      addGroup()
      axpy(coefficient, vector.subarray(from, to), sum)
      continue
    }
    kernel.vectors[count]?.set(vector.subarray(from, to))
    kernel.coefficients[count] = coefficient
    count += 1
    if (count === groupLength) addGroup()
  }
  addGroup()
  y.set(sum, from)
}
