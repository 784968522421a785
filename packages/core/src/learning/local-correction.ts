/**
 * Where hospitals are unlike each other, many local steps take each towards its own optimum. A strategy may have every site add a vector to its
 * gradients that holds it on the common way. The site makes it of a vector that it keeps for itself from round to round, at first 0, and of one
 * that is common to all, at first 0, which comes with the weights. Both are of the shared weights.
 */
export type Vectors = { readonly own: Float32Array; readonly common: Float32Array }

export type LocalCorrection = {
  /** The vector of the aggregator's state that goes to the sites, rounded to Float32. Absent: none does, and `common` is 0. */
  readonly common?: string
  /** What is added to each gradient of the round's steps. `rate` is that of the local optimizer. */
  gradient(vectors: Vectors, rate: number): Float32Array<ArrayBuffer>
  /** What the site keeps after a round in which its weights changed by `delta` in `steps` steps. */
  next(vectors: Vectors, made: { readonly delta: Float32Array; readonly steps: number }): Float32Array<ArrayBuffer>
}

/** f of each index, computed in Float64 and rounded to Float32 once. */
export function each32(length: number, f: (index: number) => number): Float32Array<ArrayBuffer> {
  const result = new Float32Array(length)
  for (let i = 0; i < length; i++) result[i] = f(i)
  return result
}
