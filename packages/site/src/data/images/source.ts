/** Where a column's images are: files in a folder, or one file of all images' levels. */
import { readFile, stat } from 'node:fs/promises'
import { relative, resolve, sep } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { WardroundError } from '@wardround/core/errors.ts'
import { parseNumber } from '@wardround/core/numbers.ts'
import { type FittedImage, fitImage, type Picture, type WantedImage } from '@wardround/core/preparation/fit-image.ts'
import type { RawImage } from '@wardround/core/preparation/table.ts'
import { configWords } from '@wardround/core/words/en/config.ts'
import type { PackedImages } from '../../config.ts'
import { type FileStamp, type ImageStore, noStore } from './store.ts'

export type ImageSource = {
  /** The images that cells name, in their order; null where the cell is empty. */
  images(cells: readonly (string | null)[]): Promise<readonly RawImage[]>
  /** After the last: what was decoded is kept for the next time. */
  close(): void
}

/** Files of one batch that are read at the same time. */
const atOnce = 16

/** Cells name PNG or JPEG files below `folder`. */
export function folderSource(folder: string, wanted: WantedImage, store: ImageStore = noStore): ImageSource {
  // Most hospitals have no images: the decoders are loaded by those that do.
  const decoder = import('./decode.ts')
  const one = async (cell: string | null): Promise<RawImage> => {
    const path = cell === null ? undefined : below(folder, cell)
    const stamp = path === undefined ? undefined : await stampOf(path)
    if (cell === null || path === undefined || stamp === undefined) return 'imageMissing'
    const known = store.get(cell, stamp)
    if (known !== undefined) return known
    const picture = (await decoder).decodePicture(await readFile(path))
    const image = picture === undefined ? 'imageUnreadable' : fitted(picture, wanted)
    store.put(cell, stamp, image)
    return image
  }
  return {
    async images(cells) {
      const images: RawImage[] = []
      for (let from = 0; from < cells.length; from += atOnce)
        images.push(...(await Promise.all(cells.slice(from, from + atOnce).map(one))))
      return images
    },
    close: () => store.close(),
  }
}

const fitted = (picture: Picture, wanted: WantedImage): FittedImage => ({
  levels: fitImage(picture, wanted),
  from: { width: picture.width, height: picture.height },
})

/** Undefined for a path that leads out of the folder. */
function below(folder: string, cell: string): string | undefined {
  const path = resolve(folder, cell)
  const way = relative(folder, path)
  return way === '' || way === '..' || way.startsWith(`..${sep}`) || resolve(way) === way ? undefined : path
}

async function stampOf(path: string): Promise<FileStamp | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() ? { sizeBytes: found.size, changedMs: found.mtimeMs } : undefined
}

/** Cells are places in the file, from 0; without a column of them images are in the order of records. Errors: WR_DATA_MISSING, WR_DATA_UNREADABLE. */
export async function packedSource(
  file: string,
  { size: [height, width], channels }: Pick<PackedImages, 'size' | 'channels'>,
  wanted: WantedImage,
): Promise<ImageSource> {
  const levels = await unpackedBytes(file)
  const imageBytes = height * width * channels
  if (levels.length % imageBytes !== 0)
    throw new WardroundError('WR_DATA_UNREADABLE', {
      file,
      line: 0,
      problem: configWords.packedLength(levels.length, [height, width, channels]),
    })
  const one = (cell: string | null): RawImage => {
    const index = cell === null ? Number.NaN : parseNumber(cell)
    const from = index * imageBytes
    if (!Number.isInteger(index) || index < 0 || from >= levels.length) return 'imageMissing'
    const picture: Picture = { width, height, channels, levels: levels.subarray(from, from + imageBytes) }
    return fitted(picture, wanted)
  }
  return { images: async (cells) => cells.map(one), close: () => undefined }
}

async function unpackedBytes(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new WardroundError('WR_DATA_MISSING', { file }, { cause: error })
    throw new WardroundError('WR_PERMISSION', { path: file, action: 'read' }, { cause: error })
  })
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  return await promisify(gunzip)(bytes).catch((error: unknown) => {
    throw new WardroundError('WR_DATA_UNREADABLE', { file, line: 0, problem: configWords.gzip() }, { cause: error })
  })
}
