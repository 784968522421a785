/**
 * A hash chain: each entry carries the hash of the one before it, so that nothing can be changed, removed from the middle
 * or put in without every later hash changing. The site's journal and the coordinator's audit are both such chains.
 */
import { canonicalJson, sha256Hex } from './canonical.ts'

/** An entry before it is linked: `body` is plain JSON data. */
export type Link = { readonly sequence: number; readonly at: string; readonly kind: string; readonly body: unknown }

export type ChainEntry = Link & { readonly previous: string; readonly hash: string }

/** What the first entry points back to. */
export const genesis = '0'.repeat(64)

/** hash = SHA-256 of the canonical form of everything else in the entry. */
export const linkHash = (link: Link, previous: string): string =>
  sha256Hex(canonicalJson({ sequence: link.sequence, at: link.at, kind: link.kind, body: link.body, previous }))

export const chained = (link: Link, previous: string): ChainEntry => ({
  ...link,
  previous,
  hash: linkHash(link, previous),
})

/** The sequence of the first entry that does not fit, or undefined where the whole chain holds. */
export function firstBroken(entries: Iterable<ChainEntry>): number | undefined {
  let previous = genesis
  let sequence = 1
  for (const entry of entries) {
    if (entry.sequence !== sequence || entry.previous !== previous || entry.hash !== linkHash(entry, previous))
      return sequence
    previous = entry.hash
    sequence += 1
  }
  return undefined
}
