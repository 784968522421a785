import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { augmentSchema } from '../study/augment.ts'
import { appendAugmentation, augmentDraws } from './augment.ts'
import { graphBuilder } from './builder.ts'
import { run } from './interpreter/interpret.ts'
import { float32, numbers } from './interpreter/values.ts'
import { checkGraph } from './safelist.ts'

/** Flipped, upended, right, down, turn, zoom, light. */
type Draws = readonly number[]
const still: Draws = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]

/** Images [channels, height, width] changed by draws, one for each. */
function changed(
  spec: object,
  extents: readonly number[],
  given: readonly { readonly levels: readonly number[]; readonly draws: Draws }[],
): readonly number[] {
  const b = graphBuilder()
  const levels = b.input({ name: 'levels', type: 'float32', shape: ['batch', ...extents] })
  const draws = b.input({ name: 'draws', type: 'float32', shape: ['batch', ...augmentDraws.extents] })
  const { levels: output } = appendAugmentation(b, augmentSchema.parse(spec), { levels, draws, extents })
  assert.deepEqual(b.shape(output), ['batch', ...extents])
  const graph = b.build('augment', [output])
  checkGraph(graph)
  const rows = given.length
  const feeds = {
    levels: float32(
      [rows, ...extents],
      given.flatMap((own) => own.levels),
    ),
    draws: float32(
      [rows, 7],
      given.flatMap((own) => own.draws),
    ),
  }
  return numbers(run(graph, feeds)[output] ?? assert.fail()).data
}
/** One image of one channel; draws in the middle but for those given. */
const changedOne = (spec: object, [height, width]: readonly [number, number], levels: readonly number[]) => {
  const by = (draws: Readonly<Record<number, number>>): readonly number[] =>
    changed(spec, [1, height, width], [{ levels, draws: still.map((own, index) => draws[index] ?? own) }])
  return {
    becomes: (expected: readonly number[], draws: Readonly<Record<number, number>>) => close(by(draws), expected),
  }
}

/** Places are Float32. */
function close(values: readonly number[], expected: readonly number[]): void {
  assert.equal(values.length, expected.length)
  for (const [index, value] of values.entries())
    assert.ok(Math.abs(value - (expected[index] ?? Number.NaN)) < 1e-3, `${values} and ${expected}`)
}

const rectangle = [2, 3] as const
const six = [10, 20, 30, 40, 50, 60]

test('images are turned over where the draw is below a half, by hand', () => {
  changedOne({ flip: 'horizontal' }, rectangle, six).becomes([30, 20, 10, 60, 50, 40], { 0: 0.49 })
  changedOne({ flip: 'horizontal' }, rectangle, six).becomes(six, { 0: 0.5, 1: 0 })
  changedOne({ flip: 'vertical' }, rectangle, six).becomes([40, 50, 60, 10, 20, 30], { 0: 0, 1: 0.1 })
  changedOne({ flip: 'both' }, rectangle, six).becomes([60, 50, 40, 30, 20, 10], { 0: 0, 1: 0 })
})

test('a shift is a share of the extents, and brings black in', () => {
  // (5/6 − ½) · 2 · ½ is a third of the width, one pixel: the picture goes left, as its places go right.
  changedOne({ shift: 0.5 }, rectangle, six).becomes([20, 30, 0, 50, 60, 0], { 2: 5 / 6 })
  changedOne({ shift: 0.5 }, rectangle, six).becomes([0, 0, 0, 10, 20, 30], { 3: 0 })
  changedOne({ shift: 0.25 }, rectangle, six).becomes([5, 10, 15, 25, 35, 45], { 3: 0 })
})

test('a turn is one of pixels, whatever the proportions', () => {
  const nine = [1, 2, 3, 4, 5, 6, 7, 8, 9]
  changedOne({ rotation: 180 }, [3, 3], nine).becomes([3, 6, 9, 2, 5, 8, 1, 4, 7], { 4: 0.75 })
  changedOne({ rotation: 180 }, [3, 3], nine).becomes(nine.toReversed(), { 4: 0 })
  // A turned rectangle keeps its pixels: what was in a row of three is in a column of three.
  const fifteen = Array.from({ length: 15 }, (_, index) => index + 1)
  changedOne({ rotation: 180 }, [3, 5], fifteen).becomes([0, 4, 9, 14, 0, 0, 3, 8, 13, 0, 0, 2, 7, 12, 0], { 4: 0.75 })
  // The ends of a line leave the image.
  changedOne({ rotation: 180 }, [1, 3], [1, 2, 3]).becomes([0, 2, 0], { 4: 0.75 })
})

test('larger and smaller, brighter and darker, and never out of range', () => {
  // Places half as far apart: between the middles of the line's pixels lie 1.5, 2 and 2.5.
  changedOne({ scale: 0.5 }, [1, 3], [1, 2, 3]).becomes([1.5, 2, 2.5], { 5: 0 })
  changedOne({ brightness: 0.2 }, [1, 3], [0, 100, 250]).becomes([25.5, 125.5, 255], { 6: 0.75 })
  changedOne({ brightness: 0.2 }, [1, 3], [0, 100, 250]).becomes([0, 49, 199], { 6: 0 })
})

test('each image is changed by its own draws, all channels alike, and by none in the middle of all', () => {
  const all = { flip: 'both', shift: 0.3, rotation: 40, scale: 0.4, brightness: 0.3 }
  const draws = fc.tuple(...still.map(() => fc.integer({ min: 0, max: 63 }).map((value) => value / 64)))
  const levels = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 24, maxLength: 24 })
  const extents = [2, 3, 4]
  fc.assert(
    fc.property(fc.array(fc.record({ levels, draws }), { minLength: 1, maxLength: 3 }), (images) => {
      const together = changed(all, extents, images)
      for (const [index, image] of images.entries()) {
        const own = changed(all, extents, [image])
        close(together.slice(index * 24, index * 24 + 24), own)
        for (const level of own) assert.ok(level >= 0 && level <= 255)
        const swapped = [...image.levels.slice(12), ...image.levels.slice(0, 12)]
        close(changed(all, extents, [{ ...image, levels: swapped }]), [...own.slice(12), ...own.slice(0, 12)])
        close(changed(all, extents, [{ ...image, draws: still }]), image.levels)
      }
    }),
    { numRuns: 40 },
  )
})

test('a mask is moved as its image is, each pixel one that it has, and what is beside it is background', () => {
  const [extents, pixels] = [[1, 6, 5], 30]
  const spec = { flip: 'both', shift: 0.2, rotation: 30, scale: 0.2, brightness: 0.3 }
  const share = fc.integer({ min: 0, max: 63 }).map((value) => value / 64)
  const drawn = fc.record({
    labels: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: pixels, maxLength: pixels }),
    draws: fc.tuple(share, share, share, share, share, share),
  })
  const b = graphBuilder()
  const input = (name: string, shape: readonly number[]): string => b.input({ name, type: 'float32', shape })
  const [levels, masks, draws] = [
    input('levels', [1, ...extents]),
    input('masks', [1, ...extents]),
    input('draws', [1, 7]),
  ]
  const moved = appendAugmentation(b, augmentSchema.parse(spec), { levels, masks, draws, extents })
  const [image, mask] = [moved.levels, moved.masks ?? assert.fail()]
  const graph = b.build('augment', [image, mask])
  fc.assert(
    fc.property(drawn, ({ labels, draws: own }) => {
      for (const label of [1, 2]) {
        // Nothing is brighter or darker: the image's level is how much of the label there is around a place.
        const shares = labels.map((value) => (value === label ? 100 : 0))
        const found = run(graph, {
          levels: float32([1, ...extents], shares),
          masks: float32([1, ...extents], labels),
          draws: float32([1, 7], [...own, 0.5]),
        })
        const values = (name: string) => numbers(found[name] ?? assert.fail()).data
        const around = values(image)
        for (const [at, value] of values(mask).entries()) {
          assert.ok([0, 1, 2].includes(value))
          // The nearest of four pixels counts a quarter at least.
          if (value === label) assert.ok((around[at] ?? 0) > 24.9, `${around[at]}`)
          if ((around[at] ?? 0) > 75.1) assert.equal(value, label)
        }
      }
    }),
    { numRuns: 60 },
  )
})
