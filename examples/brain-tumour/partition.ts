/**
 * Four clinics, no image at two of them: evenly, or as unlike as hospitals are (Hsu, Qi and Brown 2019: of each class, shares by a Dirichlet distribution). Images that are
 * nearly the same stay together. Test images are dealt evenly, whatever the partition: each clinic's own figure is then about the same kind of images.
 */
import { permutation, type Random, seededRandom } from '@wardround/core/random.ts'
import type { Image, Split } from './images.ts'

export const partitions = ['iid', 'dirichlet'] as const
export type Partition = (typeof partitions)[number]

export const clinics = ['north', 'east', 'south', 'west'] as const
const concentration = 0.3

export type Dealt = { readonly image: Image; readonly part: 'training' | 'test' }
export type Splitting = { readonly split: Split; readonly partition: Partition; readonly seed: number }

/** Each clinic's images, by name. */
export function deal(
  images: readonly Image[],
  { split, partition, seed }: Splitting,
): ReadonlyMap<string, readonly Dealt[]> {
  const dealt = new Map<string, Dealt[]>(clinics.map((clinic) => [clinic, []]))
  for (const part of ['training', 'test'] as const) {
    const own = images.filter((image) => image.part[split] === part)
    for (const [label, ofClass] of [...Map.groupBy(own, (image) => image.label)].toSorted(([a], [b]) =>
      a < b ? -1 : 1,
    )) {
      const random = seededRandom(['brain-tumour', partition, seed, split, part, label])
      const shares = partition === 'iid' || part === 'test' ? clinics.map(() => 1 / clinics.length) : dirichlet(random)
      for (const [clinic, groups] of cut(shuffledGroups(ofClass, random), shares).entries())
        dealt.get(clinics[clinic] ?? '')?.push(...groups.flat().map((image) => ({ image, part })))
    }
  }
  for (const list of dealt.values()) list.sort((a, b) => a.image.index - b.image.index)
  return dealt
}

function shuffledGroups(images: readonly Image[], random: Random): readonly (readonly Image[])[] {
  const groups = [...Map.groupBy(images, ({ group }) => group).values()]
  return Array.from(permutation(groups.length, random), (place) => groups[place] ?? [])
}

/** Cuts a row of groups where so many of all images are before each cut. */
function cut(
  groups: readonly (readonly Image[])[],
  shares: readonly number[],
): readonly (readonly (readonly Image[])[])[] {
  const total = groups.reduce((sum, { length }) => sum + length, 0)
  const pieces: (readonly Image[])[][] = shares.map(() => [])
  let [before, piece, end] = [0, 0, shares[0] ?? 1]
  for (const group of groups) {
    // Where most of it lies.
    while (piece < shares.length - 1 && before + group.length / 2 > end * total) end += shares[++piece] ?? 0
    pieces[piece]?.push(group)
    before += group.length
  }
  return pieces
}

function dirichlet(random: Random): readonly number[] {
  const draws = clinics.map(() => gamma(concentration, random))
  const whole = draws.reduce((sum, draw) => sum + draw, 0)
  return draws.map((draw) => draw / whole)
}

/** Marsaglia and Tsang 2000, "A simple method for generating gamma variables": of shape + 1, made that of a shape below 1 (section 6). */
function gamma(shape: number, random: Random): number {
  const d = shape + 1 - 1 / 3
  for (;;) {
    const x = normal(random)
    const v = (1 + x / Math.sqrt(9 * d)) ** 3
    if (v > 0 && Math.log(random.uniform()) < x ** 2 / 2 + d - d * v + d * Math.log(v))
      return d * v * random.uniform() ** (1 / shape)
  }
}

/** Box and Muller 1958. */
const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform())
