/** Every so manieth element, of several axes. */
import type { GraphBuilder } from '../builder.ts'
import { int } from '../ir.ts'

type Pairs = {
  /** Of each axis the extent that is split; 1 leaves it. */
  readonly sizes: readonly number[]
  /** The first of the axes that are split: each is two on from the one before. */
  readonly from: number
}

/** One value for each place, the last axis fastest: first whole rows, then out of each. Split is many times as fast as Slice. */
export const splitPairs = (b: GraphBuilder, paired: string, { sizes, from }: Pairs): readonly string[] =>
  sizes.reduce<readonly string[]>(
    (parts, size, axis) =>
      size === 1
        ? parts
        : parts.flatMap((part) =>
            b.several('Split', [part, b.axes(new Array<number>(size).fill(1))], {
              outputs: size,
              attributes: { axis: int(from + 2 * axis) },
            }),
          ),
    [paired],
  )
