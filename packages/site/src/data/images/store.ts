/** Images that were decoded before: one file a column of a study, whose head says what is where. What has changed since is decoded again. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Disk } from '@wardround/core/ports.ts'
import type { RawImage } from '@wardround/core/preparation/table.ts'
import { z } from 'zod'
import { readWhole, writeWhole } from '../../files.ts'

/** What tells a file from what it was before. */
export type FileStamp = { readonly sizeBytes: number; readonly changedMs: number }

export type ImageStore = {
  get(name: string, stamp: FileStamp): RawImage | undefined
  put(name: string, stamp: FileStamp, image: RawImage): void
  /** Writes down what was got and put since it was opened, if anything is new. */
  close(): void
}

export const noStore: ImageStore = { get: () => undefined, put: () => undefined, close: () => undefined }

const headSchema = z.strictObject({
  /** Of the levels that follow: a file may be torn by a power cut. */
  sha256: z.string(),
  /** Names with their stamps, and the width and height that they came in, in the order of the levels. */
  images: z.array(z.tuple([z.string(), z.number(), z.number(), z.number(), z.number()])),
  /** Names with their stamps. */
  unreadable: z.array(z.tuple([z.string(), z.number(), z.number()])),
})
type Head = z.output<typeof headSchema>

type Entry = { readonly stamp: FileStamp; readonly image: RawImage }

/** `what` names the images: their folder, and what they are made into. `imageBytes` are those of each. */
export function imageStore(
  { disk, folder }: { readonly disk: Disk; readonly folder: string },
  { what, imageBytes }: { readonly what: string; readonly imageBytes: number },
): ImageStore {
  const path = join(folder, `${createHash('sha256').update(what).digest('hex').slice(0, 32)}.levels`)
  const known = entriesIn(readWhole(disk, path), imageBytes)
  const used = new Map<string, Entry>()
  let isNew = false
  return {
    get(name, stamp) {
      const entry = known.get(name)
      if (entry === undefined || !isSame(entry.stamp, stamp)) return undefined
      used.set(name, entry)
      return entry.image
    },
    put(name, stamp, image) {
      used.set(name, { stamp, image })
      isNew = true
    },
    close() {
      if (isNew) writeWhole(disk, path, fileOf(used))
    },
  }
}

const isSame = (a: FileStamp, b: FileStamp): boolean => a.sizeBytes === b.sizeBytes && a.changedMs === b.changedMs

function fileOf(entries: ReadonlyMap<string, Entry>): readonly Uint8Array[] {
  // Files are read side by side: in order of name, what is written is a matter of what there is alone.
  const ordered = [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const rows = ordered.map(([name, { stamp, image }]) => ({ row: rowOf(name, stamp), image }))
  const levels = rows.flatMap(({ image }) => (typeof image === 'string' ? [] : [image.levels]))
  const head: Head = {
    sha256: digestOf(levels),
    images: rows.flatMap(({ row, image }) =>
      typeof image === 'string' ? [] : [[...row, image.from.width, image.from.height]],
    ),
    unreadable: rows.flatMap(({ row, image }) => (typeof image === 'string' ? [row] : [])),
  }
  return [Buffer.from(`${JSON.stringify(head)}\n`), ...levels]
}

const rowOf = (name: string, { sizeBytes, changedMs }: FileStamp): [string, number, number] => [
  name,
  sizeBytes,
  changedMs,
]

function digestOf(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** Nothing of a file that is not whole: everything is decoded again then. */
function entriesIn(bytes: Uint8Array | undefined, imageBytes: number): ReadonlyMap<string, Entry> {
  const end = bytes?.indexOf(0x0a) ?? -1
  if (bytes === undefined || end < 0) return new Map()
  const head = headIn(bytes.subarray(0, end))
  const levels = bytes.subarray(end + 1)
  if (head?.images.length !== levels.length / imageBytes || head.sha256 !== digestOf([levels])) return new Map()
  return new Map([
    ...head.images.map(([name, sizeBytes, changedMs, width, height], index): [string, Entry] => {
      const own = levels.subarray(index * imageBytes, (index + 1) * imageBytes)
      return [name, { stamp: { sizeBytes, changedMs }, image: { levels: own, from: { width, height } } }]
    }),
    ...head.unreadable.map(([name, sizeBytes, changedMs]): [string, Entry] => {
      return [name, { stamp: { sizeBytes, changedMs }, image: 'imageUnreadable' }]
    }),
  ])
}

function headIn(bytes: Uint8Array): Head | undefined {
  try {
    return headSchema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data
  } catch {
    return undefined
  }
}
