/** The images of the data set as labels.csv lists them, and which part each is in: as published, or with images that are nearly the same on one side. */
import { createReadStream } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'csv-parse'
import { z } from 'zod'

const rowSchema = z.object({
  index: z.coerce.number().int(),
  name: z.string(),
  split: z.enum(['Training', 'Testing']),
  class: z.enum(['glioma', 'meningioma', 'no_tumor', 'pituitary']),
  near_dup_group: z.coerce.number().int(),
  leaks_into_test: z.enum(['0', '1']),
  split_clean: z.enum(['train', 'test', '']),
})

/** `unleaked`: as published, without the training images that are test images too, byte for byte. */
export const splits = ['published', 'unleaked', 'clean'] as const
export type Split = (typeof splits)[number]

export type Image = {
  /** Its place in the packed file. */
  readonly index: number
  /** Of its file, below the folder of files. */
  readonly path: string
  readonly label: string
  /** Images that are nearly the same have one group. */
  readonly group: number
  readonly part: Readonly<Record<Split, 'training' | 'test' | undefined>>
}

/** Where the data is expected: beside the repository. */
export const usualFolder = (): string =>
  resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'shared', 'data', 'brain_tumor_mri')

export async function readImages(folder: string): Promise<readonly Image[]> {
  const rows = createReadStream(join(folder, 'labels.csv')).pipe(parse({ columns: true }))
  const images: Image[] = []
  for await (const record of rows) {
    const { index, name, split, class: label, near_dup_group: group, ...row } = rowSchema.parse(record)
    const published = split === 'Training' ? 'training' : 'test'
    const { split_clean: clean } = row
    images.push({
      index,
      path: join(split, label, `${name}.jpg`),
      label,
      group,
      part: {
        published,
        unleaked: row.leaks_into_test === '1' ? undefined : published,
        clean: clean === '' ? undefined : clean === 'train' ? 'training' : 'test',
      },
    })
  }
  return images
}
