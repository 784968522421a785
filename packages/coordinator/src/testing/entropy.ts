import type { Entropy } from '@wardround/core/ports.ts'
import { seededRandom } from '@wardround/core/random.ts'

/** The same bytes in the same order, every time. */
export function testEntropy(label: string): Entropy {
  const random = seededRandom(['test entropy', label])
  return (sizeBytes) => Uint8Array.from({ length: sizeBytes }, () => random.below(256))
}
