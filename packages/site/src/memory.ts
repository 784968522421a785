/** Memory of large arrays, given back when it is known that nobody needs them: a collector that comes later finds several models' worth of it. */

/** What these arrays are views of is gone: they are empty from now on, and so is every other view of it. */
export function letGo(arrays: Iterable<{ readonly buffer: ArrayBufferLike }>): void {
  for (const buffer of buffersOf(arrays)) buffer.transfer(0)
}

/** What these arrays are views of, each once: what can be handed to another thread instead of copied. */
export const buffersOf = (arrays: Iterable<{ readonly buffer: ArrayBufferLike }>): ArrayBuffer[] => [
  ...new Set(Array.from(arrays, ({ buffer }) => buffer).filter((buffer) => buffer instanceof ArrayBuffer)),
]
