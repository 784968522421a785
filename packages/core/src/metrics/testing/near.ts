/** Intervals of one program held against those of another. */

type Bounds = { readonly low: number | null; readonly high: number | null }

/** Throws where an end is not within `tolerance`; without `node:assert`, which core does not know. */
export function near(found: Bounds | undefined, wanted: Bounds, tolerance: number): void {
  for (const end of ['low', 'high'] as const) {
    const apart = Math.abs((found?.[end] ?? Number.NaN) - (wanted[end] ?? Number.NaN))
    if (!(apart <= tolerance)) throw new Error(`${end}: ${found?.[end]} and ${wanted[end]}, ± ${tolerance}`)
  }
}
