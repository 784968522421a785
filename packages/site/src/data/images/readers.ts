/** The images of a study's columns, for the records of a table. */
import { resolve } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Disk } from '@wardround/core/ports.ts'
import { maskForm } from '@wardround/core/preparation/encoding.ts'
import type { WantedImage } from '@wardround/core/preparation/fit-image.ts'
import type { RawImage } from '@wardround/core/preparation/table.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { configWords } from '@wardround/core/words/en/config.ts'
import type { ColumnConfig, SiteConfig } from '../../config.ts'
import type { SourceRecord } from '../connector.ts'
import { folderSource, type ImageSource, packedSource } from './source.ts'
import { imageStore } from './store.ts'

/** A folder of this site's own. */
export type Keep = { readonly disk: Disk; readonly folder: string }

export type ImageReader = {
  readonly name: string
  /** One for each record; `before` are the records before these. */
  images(records: readonly SourceRecord[], before: number): Promise<readonly RawImage[]>
  close(): void
}

type Place = { readonly config: SiteConfig; readonly folder: string; readonly keep?: Keep | undefined }

/** Image columns that the table has, masks among them; `columns` are its own. Errors: WR_CONFIG where site.yaml does not say where images are; those of packedSource(). */
export async function imageReaders(
  place: Place,
  wanted: Pick<Study['data'], 'columns' | 'target'>,
  columns: readonly string[],
): Promise<readonly ImageReader[]> {
  const specs = imagesIn(wanted)
  const readers = specs.map(async ({ name, spec }): Promise<readonly ImageReader[]> => {
    const own = place.config.columns[name]
    if (own === undefined || !('folder' in own || 'packed' in own)) throw unfitColumn(name, configWords.notImages())
    const index = own.column === undefined ? -1 : columns.indexOf(own.column)
    if (index < 0 && own.column !== undefined) return []
    const source = await sourceOf(own, spec, place)
    const cellOf = ({ values }: SourceRecord, number: number): string | null =>
      index < 0 ? String(number) : cellText(values[index], place.config)
    const images: ImageReader['images'] = (records, before) =>
      source.images(records.map((record, row) => cellOf(record, before + row)))
    return [{ name, images, close: source.close }]
  })
  return (await Promise.all(readers)).flat()
}

/** What each image of a record is brought to. */
export function imagesIn({
  columns,
  target,
}: Pick<Study['data'], 'columns' | 'target'>): readonly { readonly name: string; readonly spec: WantedImage }[] {
  const images = Object.entries(columns).flatMap(([name, spec]) => (spec.type === 'image' ? [{ name, spec }] : []))
  const mask = 'mask' in target ? maskForm(target, columns) : undefined
  return 'mask' in target && mask !== undefined ? [...images, { name: target.column, spec: mask }] : images
}

const cellText = (cell: string | undefined, { data }: SiteConfig): string | null =>
  cell === undefined || cell === '' || data.missing.includes(cell) ? null : cell

type ImageConfig = Extract<ColumnConfig, { folder: string } | { packed: string }>

/** What names an image, by what it is made into. */
export async function sourceOf(
  own: ImageConfig,
  wanted: WantedImage,
  { folder, keep }: Omit<Place, 'config'>,
): Promise<ImageSource> {
  const { size, channels, fit, background } = wanted
  const form = { size, channels, fit, ...(background === undefined ? {} : { background }) }
  if ('packed' in own) return await packedSource(resolve(folder, own.packed), own, form)
  const path = resolve(folder, own.folder)
  const imageBytes = size[0] * size[1] * channels
  const what = [path, size, channels, fit, ...(background === undefined ? [] : [background])]
  const store = keep && imageStore(keep, { what: JSON.stringify(what), imageBytes })
  return folderSource(path, form, store)
}

/** Files and folders of images. */
export const imagePaths = ({ columns }: SiteConfig, folder: string): readonly string[] =>
  Object.values(columns).flatMap((own) =>
    'packed' in own ? [resolve(folder, own.packed)] : 'folder' in own ? [resolve(folder, own.folder)] : [],
  )

export const unfitColumn = (name: string, problem: string): WardroundError =>
  new WardroundError('WR_CONFIG', { file: 'site.yaml', field: `columns.${name}`, problem })
