/** Inputs of a finished model that are images, for the records of a table. */
import { WardroundError } from '@wardround/core/errors.ts'
import type { Size } from '@wardround/core/preparation/fit-image.ts'
import { imageFormSchema } from '@wardround/core/study/study.ts'
import type { SiteConfig } from '@wardround/site/config.ts'
import { sourceOf } from '@wardround/site/data/images/readers.ts'
import { z } from 'zod'

/** What a model's file says of them: by column, what its images are brought to. */
export const wantedImages = z.record(z.string(), imageFormSchema)
export type WantedImages = z.output<typeof wantedImages>

/** A record of a table by column name. */
export type CellRecord = Readonly<Record<string, string | null>>

/** The first of some records: its line, and the records before it. */
type Place = { readonly file: string; readonly line: number; readonly before: number }

/** Levels [rows, channels, height, width], and the size that each row's image came in. */
export type Images = { readonly levels: Uint8Array; readonly sizes: readonly Size[] }

export type ImageInputs = {
  /** Columns whose images are in the order of records. */
  readonly needNoColumn: ReadonlySet<string>
  /** By column. Errors: WR_DATA_VALUE where a record has no image. */
  images(records: readonly CellRecord[], place: Place): Promise<Readonly<Record<string, Images>>>
}

/** Where images are as the configuration says, or else files beside the table that its cells name. */
export async function imageInputs(wanted: WantedImages, { columns }: SiteConfig, folder: string): Promise<ImageInputs> {
  const sources = await Promise.all(
    Object.entries(wanted).map(async ([name, spec]) => {
      const own = columns[name]
      const config = own !== undefined && ('packed' in own || 'folder' in own) ? own : { column: name, folder: '.' }
      return { name, isNumbered: config.column === undefined, source: await sourceOf(config, spec, { folder }) }
    }),
  )
  return {
    needNoColumn: new Set(sources.filter(({ isNumbered }) => isNumbered).map(({ name }) => name)),
    async images(records, { file, line, before }) {
      const columns = sources.map(async ({ name, isNumbered, source }) => {
        const cells = records.map((record, row) => (isNumbered ? String(before + row) : (record[name] ?? null)))
        const images = await source.images(cells)
        const found = images.filter((image) => typeof image !== 'string')
        const bad = images.findIndex((image) => typeof image === 'string')
        if (bad >= 0)
          throw new WardroundError('WR_DATA_VALUE', { file, line: line + bad, field: name, expected: 'an image' })
        const levels = new Uint8Array(Buffer.concat(found.map((image) => image.levels)))
        return [name, { levels, sizes: found.map(({ from }) => from) }] as const
      })
      return Object.fromEntries(await Promise.all(columns))
    },
  }
}
