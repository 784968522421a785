/** Comparisons that sort, whatever the values are. */

/** Positions i < j: the smaller of the two goes to i, the larger to j. */
export type Exchange = readonly [i: number, j: number]

/**
 * Batcher's merge exchange (Knuth, The Art of Computer Programming 3, section 5.2.2, algorithm M), of `count` values: about count·(log₂ count)²/4 exchanges. Of
 * them those that have a say in what comes to the positions `from` … `to` − 1.
 */
export function sortingNetwork(
  count: number,
  { from, to }: { readonly from: number; readonly to: number },
): Exchange[] {
  const wanted = new Set(Array.from({ length: to - from }, (_, k) => from + k))
  const kept: Exchange[] = []
  for (const [i, j] of mergeExchange(count).reverse()) {
    if (!wanted.has(i) && !wanted.has(j)) continue
    kept.push([i, j])
    wanted.add(i).add(j)
  }
  return kept.reverse()
}

/** Its variables are named as in the book. */
function mergeExchange(count: number): Exchange[] {
  const exchanges: Exchange[] = []
  const top = count < 2 ? 0 : 2 ** (Math.ceil(Math.log2(count)) - 1)
  for (let p = top; p > 0; p >>= 1) {
    let [q, r, d] = [top, 0, p]
    for (;;) {
      for (let i = 0; i < count - d; i++) if ((i & p) === r) exchanges.push([i, i + d])
      if (q === p) break
      d = q - p
      q >>= 1
      r = p
    }
  }
  return exchanges
}
