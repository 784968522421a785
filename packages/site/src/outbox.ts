/**
 * Results that are on their way: each one file with its digest in front, written before anything is sent, deleted when the coordinator has thanked
 * for it. It need not outlive a power cut: a task that is done again gives the same bytes, and the journal knows their digest.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Disk } from '@wardround/core/ports.ts'
import type { Signed } from '@wardround/core/protocol/signing.ts'
import type { Report } from '@wardround/core/protocol/task.ts'
import { siteWords } from '@wardround/core/words/en/site.ts'
import type { Client } from './client.ts'
import { readPart, remove, writeWhole } from './files.ts'

/** One piece of an upload, if not said otherwise. */
const usualPieceBytes = 4 << 20

/** What a task brought: a report as JSON, or an update, one part after another, which is a result in itself (core/protocol/update.ts). */
export type Result = { readonly report: Report } | { readonly update: readonly Uint8Array[] }

/** A result as bytes, wherever they are. */
export type Parcel = {
  readonly kind: 'report' | 'update'
  readonly sizeBytes: number
  readonly sha256: string
  /** Its file, where it has one. */
  readonly path?: string
  /** Bytes from a place on: so many, or as many as there are. Until the next call. Errors: WR_DISK. */
  read(from: number, sizeBytes: number): Uint8Array
}
/** In memory. */
export type Packed = Parcel & { readonly parts: readonly Uint8Array[] }

export type Delivery = {
  /** How long the coordinator may keep the answer back to give the next task with it. */
  readonly waitSeconds: number
  readonly pieceBytes?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export type Outbox = ReturnType<typeof createOutbox>

export function createOutbox(disk: Disk, folder: string) {
  const pathOf = (task: string, kind: Parcel['kind']): string => join(folder, 'outbox', `${task}.${kind}`)
  const parcelIn = (path: string, facts: Pick<Parcel, 'kind' | 'sizeBytes' | 'sha256'>): Parcel => {
    let memory = new Uint8Array(0)
    const read: Parcel['read'] = (from, sizeBytes) => {
      const wanted = Math.max(0, Math.min(sizeBytes, facts.sizeBytes - from))
      if (memory.length < wanted) memory = new Uint8Array(wanted)
      const bytes = readPart(disk, path, { memory: memory.subarray(0, wanted), from: digestBytes + from })
      if (bytes.length !== wanted) throw damaged(path)
      return bytes
    }
    return { ...facts, path, read }
  }
  return {
    /** The same, in a file: what it was made of is needed no more. */
    put(task: string, { kind, parts, sizeBytes, sha256 }: Packed): Parcel {
      writeWhole(disk, pathOf(task, kind), [Buffer.from(sha256, 'hex'), ...parts])
      return parcelIn(pathOf(task, kind), { kind, sizeBytes, sha256 })
    },
    /** What is kept for a task; a file that was torn by a power cut is none. */
    find(task: string): Parcel | undefined {
      for (const kind of ['report', 'update'] as const) {
        const path = pathOf(task, kind)
        const fileBytes = disk.sizeBytes(path)
        if (fileBytes === undefined) continue
        const sizeBytes = Math.max(0, fileBytes - digestBytes)
        const sha256 = readPart(disk, path, { memory: new Uint8Array(digestBytes), from: 0 }).toHex()
        const parcel = parcelIn(path, { kind, sizeBytes, sha256 })
        if (digestOf(piecesOf(parcel)) === sha256) return parcel
        remove(disk, path)
      }
      return undefined
    },
    drop: (task: string, { kind }: Pick<Parcel, 'kind'>): void => remove(disk, pathOf(task, kind)),
  }
}

const digestBytes = 32

export const damaged = (path = ''): WardroundError =>
  new WardroundError('WR_DISK', { path, reason: siteWords.workDamaged() })

function* piecesOf({ sizeBytes, read }: Pick<Parcel, 'sizeBytes' | 'read'>): Generator<Uint8Array> {
  for (let from = 0; from < sizeBytes; from += usualPieceBytes) yield read(from, usualPieceBytes)
}

/** The same result gives the same bytes. */
export function pack(result: Result): Packed {
  const parts = 'update' in result ? result.update : [Buffer.from(JSON.stringify(result.report))]
  return {
    kind: 'update' in result ? 'update' : 'report',
    sizeBytes: parts.reduce((sum, { length }) => sum + length, 0),
    sha256: digestOf(parts),
    parts,
    read: (from, sizeBytes) => cut(parts, { from, sizeBytes }),
  }
}

function cut(parts: readonly Uint8Array[], { from, sizeBytes }: { from: number; sizeBytes: number }): Uint8Array {
  const found: Uint8Array[] = []
  let start = 0
  for (const part of parts) {
    found.push(part.subarray(Math.max(0, from - start), Math.max(0, from + sizeBytes - start)))
    start += part.length
  }
  return Buffer.concat(found)
}

/** Sends a result, going on where an upload broke off; the next task, if there is one. Errors: of the routes. */
export async function send(
  client: Client,
  task: string,
  { result, waitSeconds, pieceBytes = usualPieceBytes, signal }: Delivery & { readonly result: Parcel },
): Promise<Signed | null> {
  const options = signal === undefined ? {} : { signal }
  if (result.kind === 'update') return upload(client, { task, result, waitSeconds, pieceBytes }, options)
  const report = { params: { task }, query: { wait: waitSeconds } }
  return (await client.call('report', report, { ...options, ...wholeOf(result) })).task
}

/** As it was put, or not at all: the journal says its digest before the first byte leaves. */
function wholeOf({ sizeBytes, sha256, path, read }: Parcel): { bytes: Uint8Array; sha256: string } {
  const bytes = read(0, sizeBytes)
  if (sha256Of(bytes) !== sha256) throw damaged(path)
  return { bytes, sha256 }
}

async function upload(
  client: Client,
  { task, result, waitSeconds, pieceBytes }: { task: string; result: Parcel; waitSeconds: number; pieceBytes: number },
  options: { signal?: AbortSignal },
): Promise<Signed | null> {
  const { sizeBytes, sha256, read } = result
  const whole = { sizeBytes, sha256, wait: waitSeconds }
  let { receivedBytes: offset } =
    sizeBytes > pieceBytes ? await client.call('uploadState', { params: { task } }, options) : { receivedBytes: 0 }
  for (;;) {
    const isWhole = offset === 0 && sizeBytes <= pieceBytes
    const piece = isWhole ? wholeOf(result) : { bytes: read(offset, pieceBytes) }
    const answer = await client.call(
      'upload',
      { params: { task }, query: { offset, ...whole } },
      { ...options, ...piece },
    )
    if (answer.receivedBytes === sizeBytes) return answer.task
    if (answer.receivedBytes <= offset)
      throw new WardroundError('WR_UPLOAD_OFFSET', { receivedBytes: answer.receivedBytes })
    offset = answer.receivedBytes
  }
}

export const sha256Of = (bytes: Uint8Array): string => digestOf([bytes])

/** Of all of them together, in hexadecimal. */
export function digestOf(parts: Iterable<Uint8Array>): string {
  const hash = createHash('sha256')
  for (const part of parts)
    for (let from = 0; from < part.length; from += usualPieceBytes)
      hash.update(part.subarray(from, from + usualPieceBytes))
  return hash.digest('hex')
}
