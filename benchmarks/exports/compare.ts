/** How far what came of a step here is from what came of it there. */

export type Tensors = ReadonlyMap<string, Float32Array>

/** The largest distance between two elements, as a share of the largest element there, or of `least` where that is more. */
export function relativeError(ours: ArrayLike<number>, theirs: Float32Array, least = 0): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY
  let [apart, largest] = [0, least]
  for (const [index, value] of theirs.entries()) {
    const distance = Math.abs(value - (ours[index] ?? Number.NaN))
    if (!(distance <= apart)) apart = distance
    largest = Math.max(largest, Math.abs(value))
  }
  return apart === 0 ? 0 : apart / largest
}

/** Of a tensor's changes those are not looked at that are this far below the largest of all: gradients that are 0 but for rounding. */
const negligible = 1e-6

const largestOf = (values: Float32Array = new Float32Array()): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)

export type Worst = { readonly error: number; readonly tensor: string }

/** The tensor that is the furthest from what it is there; undefined of none. */
export function worst(names: readonly string[], ours: Tensors, theirs: Tensors): Worst | undefined {
  const largest = Math.max(0, ...names.map((name) => largestOf(theirs.get(name))))
  return names
    .map((tensor): Worst => {
      const [mine, other] = [ours.get(tensor), theirs.get(tensor)]
      const isThere = mine !== undefined && other !== undefined
      return { tensor, error: isThere ? relativeError(mine, other, negligible * largest) : Number.POSITIVE_INFINITY }
    })
    .toSorted((a, b) => b.error - a.error)[0]
}
