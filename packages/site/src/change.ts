/** What training has changed, in the place of what it has made: neither the weights before nor a copy of those after need be in memory. */
import { WardroundError } from '@wardround/core/errors.ts'
import { float32Of } from '@wardround/core/safetensors.ts'
import { subtract } from '@wardround/core/vector.ts'
import { dimensionOf, type Weights } from '@wardround/core/weights.ts'
import type { Received } from './blob.ts'

/**
 * after ← after − before, each difference rounded to Float32. `before` is a safetensors file of the same tensors in the same order, as fetchWeights()
 * has found it to be. Errors: WR_DISK where it no longer is that; then what `after` holds is nothing.
 */
export function subtractReceived(after: Weights, before: Received): void {
  const headBytes = before.sizeBytes - 4 * dimensionOf(after)
  const ranges = before.ranges(undefined, headBytes)
  ranges.next()
  let tensor = 0
  let at = 0
  for (const bytes of ranges) {
    let values = float32Of(bytes)
    while (values.length > 0) {
      const place = after[tensor]?.data.subarray(at)
      if (place === undefined) throw new WardroundError('WR_INTERNAL', { what: 'more weights than were trained' })
      const count = Math.min(place.length, values.length)
      subtract(place, values, place.subarray(0, count))
      values = values.subarray(count)
      at += count
      if (count === place.length) {
        tensor += 1
        at = 0
      }
    }
  }
}
