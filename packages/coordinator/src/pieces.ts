/** Ranges of several blobs, read ahead of who uses them, into a few places in memory that take turns: what is used is still near the processor. */
import { WardroundError } from '@wardround/core/errors.ts'
import type { Range } from './blobs/checked.ts'

export type Source = {
  /** May put it there, and gives where it is. */
  read(range: Range, into: Uint8Array): Promise<Float32Array<ArrayBuffer>>
}

export type Piece = {
  readonly values: Float32Array<ArrayBuffer>
  /** Its place is free for another. */
  release(): void
}

type Reading = {
  readonly sources: readonly Source[]
  readonly ranges: Iterable<Range>
  /** Each for a whole range; more than are held at a time. */
  readonly places: readonly Uint8Array[]
}

/** Gives the next few pieces: of the first range those of each source in turn, then of the next range. */
export function piecesOf({ sources, ranges, places }: Reading): (count: number) => Promise<readonly Piece[]> {
  const free = [...places]
  const coming: Promise<Piece>[] = []
  /** A source is read in order, a range at a time. */
  const last = new Map<Source, Promise<unknown>>()
  const plan = planned(sources, ranges)
  const read = (place: Uint8Array, { source, range }: Planned): Promise<Piece> => {
    const values = (last.get(source) ?? Promise.resolve()).then(() => source.read(range, place))
    last.set(source, values)
    const piece = values.then((values) => ({ values, release: () => begin(place) }))
    // Heard where it is awaited: one that fails meanwhile is no unhandled rejection.
    piece.catch(() => undefined)
    return piece
  }
  const begin = (...freed: readonly Uint8Array[]): void => {
    // The one that was used last comes first: it is the nearest.
    free.push(...freed)
    while (free.length > 0) {
      const next = plan.next()
      if (next.done === true) return
      const place = free.pop()
      if (place !== undefined) coming.push(read(place, next.value))
    }
  }
  begin()
  return async (count) => {
    const pieces: Piece[] = []
    while (pieces.length < count) {
      const piece = coming.shift()
      if (piece === undefined) throw new WardroundError('WR_INTERNAL', { what: 'a piece that is not read' })
      pieces.push(await piece)
    }
    return pieces
  }
}

type Planned = { readonly source: Source; readonly range: Range }

function* planned(sources: readonly Source[], ranges: Iterable<Range>): Generator<Planned> {
  for (const range of ranges) for (const source of sources) yield { source, range }
}
