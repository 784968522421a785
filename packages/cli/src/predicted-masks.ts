/** What a model has marked in images, as files that a viewer can lay over them. */
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { type Size, unfitMask } from '@wardround/core/preparation/fit-image.ts'
import type { ImageForm } from '@wardround/core/study/study.ts'
import { greyPng } from '@wardround/site/data/images/encode.ts'
import { writeOut } from './homes.ts'

type Marks = {
  /** The grey level of each label, the background's first. */
  readonly levels: readonly number[]
  /** Of what is predicted of an image: labels, or of two labels one, height and width. */
  readonly extents: readonly number[]
  /** How images are brought to that height and width. */
  readonly fit: ImageForm['fit']
}

/** A record's place, counted from 0, and the size that its image came in. */
type Marked = { readonly record: number; readonly size: Size }

/**
 * Writes the mask of a record, as large as its image is, and says its file and how many pixels each label has: the most probable one, of two labels with one output the second from a half on.
 * Errors: WR_GRAPH_INVALID where a model's labels are not those of its outputs, WR_PERMISSION.
 */
export function maskWriter(folder: string, { levels, extents, fit }: Marks) {
  const [outputs = 0, height = 0, width = 0] = extents
  if (extents.length !== 3 || !extents.every((extent) => extent > 0) || levels.length !== Math.max(2, outputs))
    throw new WardroundError('WR_GRAPH_INVALID', { problem: 'its metadata name other labels than it has outputs' })
  const pixels = height * width
  const labelOf = (probabilities: readonly number[], pixel: number): number => {
    const of = (output: number): number => probabilities[output * pixels + pixel] ?? Number.NaN
    if (outputs === 1) return of(0) >= 0.5 ? 1 : 0
    let best = 0
    for (let output = 1; output < outputs; output++) if (of(output) > of(best)) best = output
    return best
  }
  return (probabilities: readonly number[], { record, size }: Marked): readonly [file: string, ...counts: number[]] => {
    const predicted = Uint8Array.from({ length: pixels }, (_, pixel) => labelOf(probabilities, pixel))
    const labels = unfitMask(predicted, { size: [height, width], fit }, size)
    const counts = levels.map(() => 0)
    for (const label of labels) counts[label] = (counts[label] ?? 0) + 1
    const file = join(folder, `row-${record + 1}.png`)
    writeOut(
      file,
      greyPng(
        labels.map((label) => levels[label] ?? 0),
        size,
      ),
    )
    return [file, ...counts]
  }
}
