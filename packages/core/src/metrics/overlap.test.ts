import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { maskFigures, meanOverlap, overlapSums } from './overlap.ts'

/** Sets of pixels, of three labels of which the first is the background. */
const labels = 3
const mask = (pixels: number) =>
  fc.array(fc.integer({ min: 0, max: labels - 1 }), { minLength: pixels, maxLength: pixels })
const image = fc
  .integer({ min: 1, max: 12 })
  .chain((pixels) => fc.record({ marked: mask(pixels), there: mask(pixels) }))
type Image = { readonly marked: readonly number[]; readonly there: readonly number[] }

const setOf = (pixels: readonly number[], label: number): ReadonlySet<number> =>
  new Set(pixels.flatMap((own, pixel) => (own === label ? [pixel] : [])))

/** As a graph counts. */
function figuresOf({ marked, there }: Image, loss: number): readonly number[] {
  const counts = (of: (label: number) => number): readonly number[] =>
    Array.from({ length: labels }, (_, label) => of(label))
  return [
    loss,
    ...counts((label) => setOf(marked, label).intersection(setOf(there, label)).size),
    ...counts((label) => setOf(marked, label).size),
    ...counts((label) => setOf(there, label).size),
  ]
}

const close = (a: number | null | undefined, b: number | null): void =>
  assert.ok(a === b || Math.abs((a ?? Number.NaN) - (b ?? Number.NaN)) < 1e-12, `${a}, ${b}`)

test('Dice and intersection over union are those of the sets of pixels, label by label; where there is nothing nothing is said', () => {
  fc.assert(
    fc.property(fc.array(image, { minLength: 1, maxLength: 5 }), (images) => {
      const { losses, overlaps } = maskFigures(
        Float32Array.from(images.flatMap((own, row) => figuresOf(own, row / 2))),
        images.length,
      )
      assert.deepEqual(
        losses,
        images.map((_, row) => row / 2),
      )
      for (const [row, { marked, there }] of images.entries())
        for (const label of [1, 2]) {
          const [a, b] = [setOf(marked, label), setOf(there, label)]
          const overlap = overlaps[row]?.[label - 1]
          if (a.size + b.size === 0) {
            assert.equal(overlap, undefined)
            continue
          }
          const both = a.intersection(b).size
          close(overlap?.dice, both / ((a.size + b.size) / 2))
          close(overlap?.iou, both / a.union(b).size)
        }
    }),
  )
})

test('a figure is the mean over labels of the mean over images, each drawn as often as it weighs', () => {
  const one = { dice: 0.5, iou: 1 / 3 }
  const full = { dice: 1, iou: 1 }
  const overlaps = [
    [one, undefined],
    [full, undefined],
    [undefined, one],
  ]
  const plain = meanOverlap(overlapSums(overlaps))
  close(plain.dice, (0.75 + 0.5) / 2)
  close(plain.iou, (2 / 3 + 1 / 3) / 2)
  const weighed = meanOverlap(overlapSums(overlaps, [3, 1, 0]))
  // The second label is in no image that was drawn.
  close(weighed.dice, (3 * 0.5 + 1) / 4)
  assert.deepEqual(meanOverlap(overlapSums([[undefined, undefined]])), { dice: null, iou: null })
  assert.deepEqual(overlapSums([]), [])
})
