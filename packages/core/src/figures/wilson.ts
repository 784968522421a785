/** The interval of a share that was counted, for bins too small for a bootstrap to say anything. */

/** The 97.5th percentile of the standard normal distribution. */
const z = 1.959963984540054

/** 95 % score interval of `hits` of `n` (Wilson 1927, "Probable inference, the law of succession, and statistical inference"). n ≥ 1. */
export function wilson(hits: number, n: number): { readonly low: number; readonly high: number } {
  const share = hits / n
  const centre = share + z ** 2 / (2 * n)
  const half = z * Math.sqrt((share * (1 - share)) / n + z ** 2 / (4 * n ** 2))
  const whole = 1 + z ** 2 / n
  return { low: Math.max(0, (centre - half) / whole), high: Math.min(1, (centre + half) / whole) }
}
