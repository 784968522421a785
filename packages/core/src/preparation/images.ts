/** What is to be known of a hospital's images before training: how bright they are, and which of them are the same. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { splitParts } from '../study/study.ts'
import type { ColumnSurvey, PreparedImage } from './schema.ts'
import type { Split } from './split.ts'
import type { LocalFinding, TypedTable } from './table.ts'

type ImageSurvey = Extract<ColumnSurvey, { type: 'image' }>

/** Mean and squared deviations of each channel's levels, exact but for the last rounding: levels are counted first. */
export function levelsOf(images: readonly Uint8Array[], channels: number): Omit<ImageSurvey, 'patients'> {
  const counts = Array.from({ length: channels }, () => new Float64Array(256))
  for (const image of images) {
    const size = image.length / channels
    for (const [channel, count] of counts.entries())
      for (let pixel = channel * size; pixel < (channel + 1) * size; pixel++) {
        const level = image[pixel] ?? 0
        count[level] = (count[level] ?? 0) + 1
      }
  }
  return { type: 'image', records: images.length, channels: counts.map(momentsOfCounts) }
}

function momentsOfCounts(counts: Float64Array): { mean: number; m2: number } {
  const pixels = counts.reduce((sum, count) => sum + count, 0)
  const mean = counts.reduce((sum, count, level) => sum + count * level, 0) / pixels
  return { mean, m2: counts.reduce((sum, count, level) => sum + count * (level - mean) ** 2, 0) }
}

/** Mean and deviation of each channel: those of a preparation, or of a hospital's own training images. */
export type Levels = Pick<PreparedImage, 'mean' | 'standardDeviation'>

/** Channels of one level everywhere are not scaled. */
export const deviationOf = (variance: number): number => (variance > 0 ? Math.sqrt(variance) : 1)

export function ownLevels(images: readonly Uint8Array[], channels: number): Levels {
  const size = (images[0]?.length ?? 0) / channels
  const moments = levelsOf(images, channels).channels ?? []
  return {
    mean: moments.map(({ mean }) => mean),
    standardDeviation: moments.map(({ m2 }) => deviationOf(m2 / (images.length * size))),
  }
}

/** Images that are the same, byte for byte: records that occur again, and records whose image is in another part of the split as well. */
export function repeatedImages(table: TypedTable, split: Split): LocalFinding[] {
  return Object.entries(table.columns).flatMap(([column, own]): LocalFinding[] => {
    if (own.type !== 'image') return []
    const rows = splitParts.flatMap((part) => Array.from(split[part], (row) => ({ part, row })))
    const groups = [...Map.groupBy(rows, ({ row }) => digestOf(own.images[row] ?? new Uint8Array())).values()]
    const repeated = groups.reduce((sum, group) => sum + group.length - 1, 0)
    const divided = groups.filter((group) => new Set(group.map(({ part }) => part)).size > 1)
    const records = divided.reduce((sum, group) => sum + group.length, 0)
    return [
      ...(repeated > 0
        ? [{ code: 'imageRepeated' as const, severity: 'warning' as const, column, records: repeated }]
        : []),
      ...(records > 0 ? [{ code: 'imageInTwoParts' as const, severity: 'warning' as const, column, records }] : []),
    ]
  })
}

const digestOf = (image: Uint8Array): string => bytesToHex(sha256(image))
