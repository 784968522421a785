/** How far what came of a step here is from what came of it there. */

export type Tensors = ReadonlyMap<string, Float32Array>

/** The largest distance between two elements, as a share of the largest element there; infinite where one is no number. */
export function relativeError(ours: ArrayLike<number>, theirs: Float32Array): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY
  let [furthest, largest] = [0, 0]
  for (const [index, value] of theirs.entries()) {
    const distance = Math.abs(value - (ours[index] ?? Number.NaN))
    if (!Number.isFinite(distance)) return Number.POSITIVE_INFINITY
    furthest = Math.max(furthest, distance)
    largest = Math.max(largest, Math.abs(value))
  }
  return furthest === 0 ? 0 : furthest / largest
}

export type Apart = { readonly error: number; readonly tensor: string }

/** How far each tensor is from what it is there, the furthest first. */
export const apart = (names: readonly string[], ours: Tensors, theirs: Tensors): readonly Apart[] =>
  names
    .map((tensor): Apart => {
      const [mine, other] = [ours.get(tensor), theirs.get(tensor)]
      const isThere = mine !== undefined && other !== undefined
      return { tensor, error: isThere ? relativeError(mine, other) : Number.POSITIVE_INFINITY }
    })
    .toSorted((a, b) => (a.error === b.error ? 0 : b.error - a.error))

/**
 * Those of the tensors that Float32 decides: there, it is as near as `tolerance` to the same in double precision. What is left out is 0 but for rounding, as the
 * gradient of a shift that the next normalisation takes away again.
 */
export function decided(names: readonly string[], between: readonly [Tensors, Tensors], tolerance: number): string[] {
  const far = new Set(apart(names, ...between).flatMap(({ tensor, error }) => (error > tolerance ? [tensor] : [])))
  return names.filter((name) => !far.has(name))
}
