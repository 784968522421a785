/** From data to places on a drawing, and the round numbers that label it. */

export type Scale = {
  readonly domain: readonly [low: number, high: number]
  readonly ticks: readonly number[]
  /** Digits after the point that tell the ticks apart. */
  readonly digits: number
  /** Data → drawing units. */
  at(value: number): number
}

/** 1, 2 or 5 times a power of ten, the nearest above `span / count` (Heckbert 1990, "Nice numbers for graph labels"). */
export function niceStep(span: number, count: number): number {
  const power = 10 ** Math.floor(Math.log10(span / count))
  const fraction = span / count / power
  return (fraction <= 1 ? 1 : fraction <= 2 ? 2 : fraction <= 5 ? 5 : 10) * power
}

/** Digits after the point that multiples of a nice step have. */
export const digitsOf = (step: number): number => Math.min(100, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))

/** Multiples of a nice step from at most `low` to at least `high`, about `count` of them. A single value gets room on both sides. */
export function niceTicks(low: number, high: number, count = 4): { readonly ticks: number[]; readonly digits: number } {
  const room = high > low ? 0 : Math.abs(low) / 2 || 1
  const [from, to] = [low - room, high + room]
  const step = niceStep(to - from, count)
  const first = Math.floor(from / step + 1e-9)
  const last = Math.ceil(to / step - 1e-9)
  const digits = digitsOf(step)
  // Multiples, not sums: an error of one ulp must not grow along the axis.
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toFixed(digits)))
  return { ticks, digits }
}

/** The whole axis is covered by ticks: its ends are the first and the last of them. Values that are not finite are left out. */
export function niceScale(values: readonly number[], range: readonly [number, number], count = 4): Scale {
  const known = values.filter(Number.isFinite)
  const [low, high] = known.length === 0 ? [0, 1] : [known.reduce(least), known.reduce(greatest)]
  const { ticks, digits } = niceTicks(low, high, count)
  return fixedScale(ticks, range, digits)
}
const least = (a: number, b: number): number => Math.min(a, b)
const greatest = (a: number, b: number): number => Math.max(a, b)

/** An axis whose ticks are given, in rising order. */
export function fixedScale(ticks: readonly number[], range: readonly [number, number], digits: number): Scale {
  const [low, high] = [ticks[0] ?? 0, ticks.at(-1) ?? 1]
  const [start, end] = range
  return {
    domain: [low, high],
    ticks,
    digits,
    at: (value) => start + ((value - low) / (high - low)) * (end - start),
  }
}

/** Whole numbers 1 … `last`, labelled at nice places that always include both ends. */
export function roundScale(last: number, range: readonly [number, number]): Scale {
  const step = Math.max(1, niceStep(Math.max(1, last - 1), 4))
  const inner = Array.from({ length: Math.floor(last / step) }, (_, index) => (index + 1) * step)
  const clear = inner.filter((tick) => tick > 1 && last - tick >= step / 2)
  const ticks = [...new Set([1, ...clear, last])]
  const at = fixedScale([1, Math.max(2, last)], range, 0).at
  return { domain: [1, last], ticks, digits: 0, at }
}

/**
 * Rising places moved apart until neighbours are `gap` apart and none lies beyond `end`: for labels. Where they cannot all fit, they
 * keep the gap and run out at the start.
 */
export function spread(places: readonly number[], gap: number, end: number): readonly number[] {
  const moved: number[] = []
  for (const place of places) moved.push(Math.max(place, (moved.at(-1) ?? -Infinity) + gap))
  for (let index = moved.length - 1, limit = end; index >= 0; index--) {
    moved[index] = Math.min(moved[index] ?? limit, limit)
    limit = (moved[index] ?? limit) - gap
  }
  return moved
}
