/** Results that are on their way: written before anything is sent, deleted when the coordinator has thanked for them. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { type TaskResult, taskResultSchema } from '@wardround/core/protocol/task.ts'
import type { Client } from './client.ts'
import { readJson, remove, writeDurably, writeJson } from './files.ts'

/** One piece of an upload. */
const pieceBytes = 4 << 20

export type Outbox = ReturnType<typeof createOutbox>

export function createOutbox(folder: string) {
  const resultPath = (task: string): string => join(folder, 'outbox', `${task}.json`)
  const updatePath = (task: string): string => join(folder, 'outbox', `${task}.safetensors`)
  const result = (task: string): TaskResult | undefined => readJson(resultPath(task), taskResultSchema)
  return {
    has: (task: string): boolean => existsSync(resultPath(task)),
    result,
    /** The update first: a result without it would be a promise that cannot be kept. */
    put: (task: string, taskResult: TaskResult, update?: Uint8Array): void => {
      if (update !== undefined) writeDurably(updatePath(task), update)
      writeJson(resultPath(task), taskResult)
    },
    /** Sends what is kept for `task`, going on where an upload broke off. Errors: of the routes. */
    deliver: async (client: Client, task: string, signal?: AbortSignal): Promise<void> => {
      const kept = result(task)
      if (kept === undefined) return
      const options = signal === undefined ? {} : { signal }
      if (kept.kind === 'train') await upload(client, { task, bytes: readFileSync(updatePath(task)) }, options)
      await client.call('report', { params: { task }, body: kept }, options)
    },
    drop: (task: string): void => {
      remove(resultPath(task))
      remove(updatePath(task))
    },
  }
}

async function upload(
  client: Client,
  { task, bytes }: { task: string; bytes: Uint8Array },
  options: { signal?: AbortSignal },
): Promise<void> {
  let { receivedBytes: offset } =
    bytes.length > pieceBytes ? await client.call('uploadState', { params: { task } }, options) : { receivedBytes: 0 }
  while (offset < bytes.length) {
    const piece = bytes.subarray(offset, offset + pieceBytes)
    const { receivedBytes } = await client.call(
      'upload',
      { params: { task }, query: { offset } },
      { ...options, bytes: piece },
    )
    if (receivedBytes <= offset) throw new WardroundError('WR_UPLOAD_OFFSET', { receivedBytes })
    offset = receivedBytes
  }
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
