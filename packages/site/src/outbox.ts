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
import type { Client } from './client.ts'
import { remove, writeWhole } from './files.ts'

/** One piece of an upload, if not said otherwise. */
const usualPieceBytes = 4 << 20

/** What a task brought: a report as JSON, or an update, which is a result in itself (core/protocol/update.ts). */
export type Result = { readonly report: Report } | { readonly update: Uint8Array }

/** A result as bytes. */
export type Packed = { readonly kind: 'report' | 'update'; readonly bytes: Uint8Array; readonly sha256: string }

export type Delivery = {
  /** How long the coordinator may keep the answer back to give the next task with it. */
  readonly waitSeconds: number
  readonly pieceBytes?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export type Outbox = ReturnType<typeof createOutbox>

export function createOutbox(disk: Disk, folder: string) {
  const pathOf = (task: string, kind: Packed['kind']): string => join(folder, 'outbox', `${task}.${kind}`)
  return {
    put: (task: string, { kind, bytes, sha256 }: Packed): void =>
      writeWhole(disk, pathOf(task, kind), [Buffer.from(sha256, 'hex'), bytes]),
    /** What is kept for a task; a file that was torn by a power cut is none. */
    find: (task: string): Packed | undefined => {
      for (const kind of ['report', 'update'] as const) {
        const file = disk.read(pathOf(task, kind))
        if (file === undefined) continue
        const bytes = file.subarray(digestBytes)
        const sha256 = file.subarray(0, digestBytes).toHex()
        if (sha256Of(bytes) === sha256) return { kind, bytes, sha256 }
        remove(disk, pathOf(task, kind))
      }
      return undefined
    },
    drop: (task: string, { kind }: Pick<Packed, 'kind'>): void => remove(disk, pathOf(task, kind)),
  }
}

const digestBytes = 32

/** The same result gives the same bytes. */
export function pack(result: Result): Packed {
  const bytes = 'update' in result ? result.update : Buffer.from(JSON.stringify(result.report))
  return { kind: 'update' in result ? 'update' : 'report', bytes, sha256: sha256Of(bytes) }
}

/** Sends a result, going on where an upload broke off; the next task, if there is one. Errors: of the routes. */
export async function send(
  client: Client,
  task: string,
  { result, waitSeconds, pieceBytes = usualPieceBytes, signal }: Delivery & { readonly result: Packed },
): Promise<Signed | null> {
  const options = signal === undefined ? {} : { signal }
  if (result.kind === 'update') return upload(client, { task, ...result, waitSeconds, pieceBytes }, options)
  const report = { params: { task }, query: { wait: waitSeconds } }
  return (await client.call('report', report, { ...options, bytes: result.bytes, sha256: result.sha256 })).task
}

async function upload(
  client: Client,
  { task, bytes, sha256, waitSeconds, pieceBytes }: Packed & { task: string; waitSeconds: number; pieceBytes: number },
  options: { signal?: AbortSignal },
): Promise<Signed | null> {
  const whole = { sizeBytes: bytes.length, sha256, wait: waitSeconds }
  let { receivedBytes: offset } =
    bytes.length > pieceBytes ? await client.call('uploadState', { params: { task } }, options) : { receivedBytes: 0 }
  for (;;) {
    const piece = bytes.subarray(offset, offset + pieceBytes)
    const answer = await client.call(
      'upload',
      { params: { task }, query: { offset, ...whole } },
      { ...options, bytes: piece, ...(piece.length === bytes.length ? { sha256 } : {}) },
    )
    if (answer.receivedBytes === bytes.length) return answer.task
    if (answer.receivedBytes <= offset)
      throw new WardroundError('WR_UPLOAD_OFFSET', { receivedBytes: answer.receivedBytes })
    offset = answer.receivedBytes
  }
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
