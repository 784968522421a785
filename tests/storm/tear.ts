/**
 * What a power cut leaves of a file whose last bytes were not synced. Sectors reach a disk in any order, and a length may reach it before the sectors
 * do (on file systems that do not order data before metadata): what is missing then reads as zeros, also in front of what is there.
 */
import type { Random } from '@wardround/core/random.ts'
import type { Tally } from './tally.ts'

/** A file: what everybody sees, what is durable, and how many bytes of that nobody has cut off or written over since. */
export type Inode = { seen: Uint8Array; durable: Uint8Array; untouchedBytes: number }

export const newInode = (seen: Uint8Array = new Uint8Array()): Inode => ({
  seen,
  durable: new Uint8Array(),
  untouchedBytes: 0,
})

/** The least that a disk writes at once. */
const sectorBytes = 512

export function tear(
  { seen, durable, untouchedBytes }: Inode,
  random: Random,
  tally: Pick<Tally, 'count'>,
): Uint8Array {
  if (Buffer.compare(seen, durable) === 0) return seen
  const draw = random.below(4)
  if (draw === 0) return seen
  if (draw === 1) {
    tally.count('bytesLost')
    return durable
  }
  // Cut off at its end: the length is the one or the other.
  if (seen.length < durable.length && Buffer.compare(durable.subarray(0, seen.length), seen) === 0) return durable
  const safe = Math.min(untouchedBytes, seen.length)
  // The length may have reached the disk whole, whatever became of the sectors.
  const length = draw === 3 && random.below(2) === 0 ? seen.length : safe + random.below(seen.length - safe + 1)
  const left = seen.slice(0, length)
  if (draw === 2) {
    tally.count('bytesTorn')
    return left
  }
  tally.count('bytesZeroed')
  for (let sector = safe - (safe % sectorBytes); sector < length; sector += sectorBytes)
    if (random.below(2) === 0) left.fill(0, Math.max(safe, sector), Math.min(length, sector + sectorBytes))
  return left
}
