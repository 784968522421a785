/** Results that are on their way: each one file, written before anything is sent, deleted when the coordinator has thanked for it. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Signed } from '@wardround/core/protocol/signing.ts'
import { type Report, reportSchema } from '@wardround/core/protocol/task.ts'
import type { Client } from './client.ts'
import { readJson, remove, writeDurably, writeJson } from './files.ts'

/** One piece of an upload. */
const pieceBytes = 4 << 20

/** What a task brought: a report as JSON, or an update, which is a result in itself (core/protocol/update.ts). */
export type Result = { readonly report: Report } | { readonly update: Uint8Array }

export type Delivery = {
  /** How long the coordinator may keep the answer back to give the next task with it. */
  readonly waitSeconds: number
  readonly signal?: AbortSignal | undefined
}

export type Outbox = ReturnType<typeof createOutbox>

export function createOutbox(folder: string) {
  const reportPath = (task: string): string => join(folder, 'outbox', `${task}.json`)
  const updatePath = (task: string): string => join(folder, 'outbox', `${task}.safetensors`)
  return {
    has: (task: string): boolean => existsSync(reportPath(task)) || existsSync(updatePath(task)),
    put: (task: string, result: Result): void => {
      if ('update' in result) writeDurably(updatePath(task), result.update)
      else writeJson(reportPath(task), result.report)
    },
    /** Sends what is kept for `task`, going on where an upload broke off; the next task, if there is one. Errors: of the routes. */
    deliver: async (client: Client, task: string, { waitSeconds, signal }: Delivery): Promise<Signed | null> => {
      const options = signal === undefined ? {} : { signal }
      if (existsSync(updatePath(task)))
        return upload(client, { task, bytes: readFileSync(updatePath(task)), waitSeconds }, options)
      const report = readJson(reportPath(task), reportSchema)
      if (report === undefined) return null
      const sent = { params: { task }, query: { wait: waitSeconds }, body: report }
      return (await client.call('report', sent, options)).task
    },
    drop: (task: string): void => {
      remove(reportPath(task))
      remove(updatePath(task))
    },
  }
}

async function upload(
  client: Client,
  { task, bytes, waitSeconds }: { task: string; bytes: Uint8Array; waitSeconds: number },
  options: { signal?: AbortSignal },
): Promise<Signed | null> {
  const whole = { sizeBytes: bytes.length, sha256: sha256Of(bytes), wait: waitSeconds }
  let { receivedBytes: offset } =
    bytes.length > pieceBytes ? await client.call('uploadState', { params: { task } }, options) : { receivedBytes: 0 }
  for (;;) {
    const piece = bytes.subarray(offset, offset + pieceBytes)
    const answer = await client.call(
      'upload',
      { params: { task }, query: { offset, ...whole } },
      { ...options, bytes: piece },
    )
    if (answer.receivedBytes === bytes.length) return answer.task
    if (answer.receivedBytes <= offset)
      throw new WardroundError('WR_UPLOAD_OFFSET', { receivedBytes: answer.receivedBytes })
    offset = answer.receivedBytes
  }
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
