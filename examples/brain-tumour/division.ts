/**
 * What a recipe may be chosen by: images that all splits train on, divided again. No test image of any split is among them, and no copy of one, byte for byte. Images that are nearly the same stay together,
 * whatever their class.
 */
import { permutation, seededRandom } from '@wardround/core/random.ts'
import { type Image, splits } from './images.ts'

const held = 0.2

/** With new parts: about a fifth of the groups of each class are tested in the clean split, which is the only one that has these images. */
export function dividedAgain(images: readonly Image[], seed: number): readonly Image[] {
  const trained = images.filter(({ part }) => splits.every((split) => part[split] === 'training'))
  const classOf = new Map(trained.toReversed().map(({ group, label }) => [group, label]))
  const tested = new Set<number>()
  for (const [label, own] of Map.groupBy(classOf.keys(), (group) => classOf.get(group) ?? '')) {
    const order = permutation(own.length, seededRandom(['brain-tumour', 'division', seed, label]))
    for (const place of order.subarray(0, Math.round(held * own.length))) tested.add(own[place] ?? Number.NaN)
  }
  return trained.map((image) => {
    const clean = tested.has(image.group) ? 'test' : 'training'
    return { ...image, part: { published: undefined, unleaked: undefined, clean } }
  })
}
