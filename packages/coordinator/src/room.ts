/** Memory that all who move bytes at once share: a few of them get a lot each, for fewer and larger steps, and many get a little. Of a process, as its memory is. */

export type Room = {
  /** What one more may use until it leaves. */
  enter(): Place
}
export type Place = { readonly sizeBytes: number; leave(): void }

export type RoomLimits = {
  /** What they should have together. Who is inside keeps what it was given, so that n of them have at most this times 1 + ½ + … + 1⁄n, and the least for each. */
  readonly totalBytes: number
  readonly leastBytes: number
  readonly mostBytes: number
}

export function sharedRoom({ totalBytes, leastBytes, mostBytes }: RoomLimits): Room {
  let inside = 0
  return {
    enter() {
      inside += 1
      let here = true
      return {
        // A power of two, which is what files are read well by.
        sizeBytes: Math.max(leastBytes, Math.min(mostBytes, 2 ** Math.floor(Math.log2(totalBytes / inside)))),
        leave() {
          if (here) inside -= 1
          here = false
        },
      }
    },
  }
}
