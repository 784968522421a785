/**
 * How well areas are marked in images: Dice 1945, "Measures of the amount of ecologic association between species", and Jaccard 1912 (intersection over union). Image by image and label by
 * label: the mean over images of a label's overlap, and then over labels. An image in which a label is neither there nor marked says nothing of it, and is left out (as in nnU-Net); the
 * background is no label.
 */

/** Of an image and a label but the background. */
export type Overlap = { readonly dice: number; readonly iou: number }

/** [rows, labels but the background]: undefined where there is nothing of a label. */
export type Overlaps = readonly (readonly (Overlap | undefined)[])[]

/** Figures of images, as graph/mask-figures.ts makes them: [rows, 1 + 3·labels], row-major. */
export type MaskFigures = { readonly losses: readonly number[]; readonly overlaps: Overlaps }

export function maskFigures(figures: Float32Array, rows: number): MaskFigures {
  const width = rows === 0 ? 0 : figures.length / rows
  const labels = (width - 1) / 3
  const own = Array.from({ length: rows }, (_, row) => figures.subarray(row * width, (row + 1) * width))
  return {
    losses: own.map(([loss = Number.NaN]) => loss),
    overlaps: own.map((values) =>
      Array.from({ length: labels - 1 }, (_, foreground) => {
        const [found = 0, marked = 0, there = 0] = [0, 1, 2].map((which) => values[2 + which * labels + foreground])
        return marked + there === 0
          ? undefined
          : { dice: (2 * found) / (marked + there), iou: found / (marked + there - found) }
      }),
    ),
  }
}

/** Sums of a label's overlaps, and how many images they are of. */
export type OverlapSums = { readonly records: number; readonly diceSum: number; readonly iouSum: number }

/** By label; `weight` says how often each image counts. */
export function overlapSums(overlaps: Overlaps, weight?: ArrayLike<number>): readonly OverlapSums[] {
  return Array.from({ length: overlaps[0]?.length ?? 0 }, (_, label) => {
    let [records, diceSum, iouSum] = [0, 0, 0]
    for (const [row, labels] of overlaps.entries()) {
      const [overlap, times] = [labels[label], weight?.[row] ?? 1]
      if (overlap === undefined) continue
      records += times
      diceSum += times * overlap.dice
      iouSum += times * overlap.iou
    }
    return { records, diceSum, iouSum }
  })
}

/** The mean over labels of the mean over images; null where there is nothing of any label. */
export function meanOverlap(labels: readonly OverlapSums[]): {
  readonly dice: number | null
  readonly iou: number | null
} {
  const told = labels.filter(({ records }) => records > 0)
  const mean = (of: (sums: OverlapSums) => number): number | null =>
    told.length === 0 ? null : told.reduce((sum, sums) => sum + of(sums) / sums.records, 0) / told.length
  return { dice: mean(({ diceSum }) => diceSum), iou: mean(({ iouSum }) => iouSum) }
}
