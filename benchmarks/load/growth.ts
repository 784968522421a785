/** Whether memory grows: what is said of a process that has been looked at for a while. */
import { median } from '../figures.ts'

export type Sample = { readonly atMs: number; readonly megabytes: number }

export type Growth = {
  readonly firstThirdMb: number | null
  readonly lastThirdMb: number | null
  /** Of the straight line that fits best (least squares), in megabytes a minute. */
  readonly slopeMbPerMinute: number | null
  readonly grows: boolean
}

/** A process that collects its garbage now and then goes up and down by about so much of what it has. */
const tolerance = 0.1

/**
 * It grows where both say so: the median of the last third is more than a tenth above that of the first third, and the line that fits best rises
 * by more than a tenth of the first third's median from end to end. One that is looked at too seldom to say (fewer than 9 times) does not.
 */
export function growthOf(samples: readonly Sample[]): Growth {
  const third = Math.floor(samples.length / 3)
  const megabytes = samples.map((sample) => sample.megabytes)
  const firstThirdMb = median(megabytes.slice(0, third))
  const lastThirdMb = median(megabytes.slice(megabytes.length - third))
  const [first, last] = [samples[0], samples.at(-1)]
  if (third < 3 || firstThirdMb === null || lastThirdMb === null || first === undefined || last === undefined)
    return { firstThirdMb, lastThirdMb, slopeMbPerMinute: null, grows: false }
  const perMs = slope(samples)
  const limitMb = tolerance * firstThirdMb
  const grows = lastThirdMb - firstThirdMb > limitMb && perMs * (last.atMs - first.atMs) > limitMb
  return { firstThirdMb, lastThirdMb, slopeMbPerMinute: perMs * 60_000, grows }
}

/** Least squares: Σ(t − t̄)(m − m̄) / Σ(t − t̄)². */
function slope(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length
  const [meanAt, meanMb] = [mean(({ atMs }) => atMs), mean(({ megabytes }) => megabytes)]
  let [both, own] = [0, 0]
  for (const { atMs, megabytes } of samples) {
    both += (atMs - meanAt) * (megabytes - meanMb)
    own += (atMs - meanAt) ** 2
  }
  return own === 0 ? 0 : both / own
}
