/** Intervals of one program held against those of another. */
import assert from 'node:assert/strict'

type Bounds = { readonly low: number | null; readonly high: number | null }

/** Both ends within `tolerance`. */
export function near(found: Bounds | undefined, wanted: Bounds, tolerance: number): void {
  for (const end of ['low', 'high'] as const)
    assert.ok(
      Math.abs((found?.[end] ?? Number.NaN) - (wanted[end] ?? Number.NaN)) <= tolerance,
      `${end}: ${found?.[end]} and ${wanted[end]}, ± ${tolerance}`,
    )
}
