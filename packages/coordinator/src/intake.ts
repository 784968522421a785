/** Takes a site's result in, once: what has passed the door is settled with its events in one transaction, and moves its study on. */

import { type ErrorParameters, WardroundError } from '@wardround/core/errors.ts'
import { collectingOf } from '@wardround/core/learning/collecting.ts'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import type { BlobRef, Report, TaskResult } from '@wardround/core/protocol/task.ts'
import type { Arrival } from './blobs/blob-store.ts'
import type { GatheredBlobs } from './blobs/gathered.ts'
import type { Context } from './context.ts'
import { checkReport, checkUpdate } from './door.ts'
import { mend } from './mending.ts'
import type { Running } from './running.ts'
import type { TaskRow } from './store/schema.ts'
import { weightsOf } from './task-document.ts'
import { resultOf } from './tasks.ts'

/** A result as JSON. `sizeBytes` is what arrived. Errors: WR_TASK_CLOSED, WR_BODY_INVALID. */
export async function takeReport(
  context: Context,
  task: TaskRow,
  { report, sizeBytes }: { report: Report; sizeBytes: number },
): Promise<void> {
  if (task.state !== 'open') return thank(context, task, task.result === canonicalJson(report))
  if (report.kind !== 'failed' && report.kind !== task.kind)
    throw new WardroundError('WR_BODY_INVALID', { field: 'kind', problem: `the task is ${task.kind}` })
  if (report.kind === 'failed' && (await isOurFault(context, task, report.code))) return
  await fit(context, task, () => checkReport(context, task, report))
  await settle(context, task, { result: report, sizeBytes })
}

/**
 * Whether a site could not have its weights because they were damaged here: it gets the task again, not the blame. Errors: WR_BLOB_MISSING where they
 * are lost, so that it waits before it asks again.
 */
async function isOurFault(context: Context, task: TaskRow, code: string): Promise<boolean> {
  if (code !== 'WR_BLOB_MISSING' && code !== 'WR_DIGEST_MISMATCH') return false
  for (const sha256 of weightsOf(task.document)) {
    const found = await mend(context, { sha256 })
    if (found === 'lost') throw new WardroundError('WR_BLOB_MISSING', { sha256 })
    if (found === 'made' || context.damage.mended.has(sha256)) return true
  }
  return false
}

/** An update that has arrived, and becomes a blob, where it is not one yet, with its result. Errors: WR_TASK_CLOSED, and those of the door. */
export async function takeUpdate(
  context: Context,
  task: TaskRow,
  { update, running, held, plausible }: Arrival & { update: BlobRef; running: Running; held: GatheredBlobs },
): Promise<void> {
  const facts = await fit(context, task, () => checkUpdate(running, { blobs: held, update, plausible }))
  const eager = collectingOf(running.study).goal !== undefined
  const result: TaskResult = { kind: 'train', update, ...facts }
  await settle(context, task, { result, sizeBytes: update.sizeBytes, eager, held })
}

/** The same update again. Errors: WR_TASK_CLOSED for another one. */
export function thankForUpdate(context: Context, task: TaskRow, { sha256 }: BlobRef): void {
  const known = resultOf(task)
  thank(context, task, known?.kind === 'train' && known.update.sha256 === sha256)
}

/**
 * The same again is thanked for, and the study looked at: the first time may have ended between the store's commit and what follows
 * it. Another one is refused.
 */
function thank(context: Context, task: TaskRow, same: boolean): void {
  if (!same) throw new WardroundError('WR_TASK_CLOSED', { task: task.id })
  context.advance(task.study)
}

/** What is not fit for use counts as this site's failure; the round goes on without it. */
export async function fit<T>(context: Context, task: TaskRow, check: () => Promise<T>): Promise<T> {
  try {
    return await check()
  } catch (error) {
    // What is wrong with us is not the site's failure.
    if (error instanceof WardroundError && error.retry === 'permanent' && error.status < 500)
      await settle(context, task, { result: failure(error), sizeBytes: 0 })
    throw error
  }
}

const failure = ({ code, parameters }: WardroundError): TaskResult => ({
  kind: 'failed',
  code,
  parameters: plain(parameters),
  refused: true,
})

/** A name that was cut may end in half a character, which could not be kept. */
const plain = (parameters: ErrorParameters): Record<string, string | number> =>
  Object.fromEntries(
    Object.entries(parameters).map(([key, value]) => [
      key,
      typeof value === 'number' ? value : String(value).toWellFormed(),
    ]),
  )

type Taken = {
  readonly result: TaskResult
  readonly sizeBytes: number
  /** Whether the round may be settled before the last has reported. */
  readonly eager?: boolean
  readonly held?: GatheredBlobs
}

async function settle(
  context: Context,
  task: TaskRow,
  { result, sizeBytes, eager = false, held }: Taken,
): Promise<void> {
  const { id, study, site, kind, round } = task
  const failed = result.kind === 'failed'
  const down = context.bytesDown.get(site) ?? 0
  context.bytesDown.delete(site)
  const last = await context.store.transaction(async (tables) => {
    const settled = await tables.settleTask(id, {
      state: failed ? 'failed' : 'reported',
      result: canonicalJson(result),
      settled_at: context.clock.steadyNow(),
      ...(failed ? { counted_in: null } : {}),
      bytes_up: sizeBytes,
      bytes_down: down,
    })
    if (!settled) throw new WardroundError('WR_TASK_CLOSED', { task: id })
    await held?.write(tables)
    if (result.kind === 'train') await tables.keepBlob(study, result.update)
    if (result.kind === 'failed') {
      const { code, parameters, refused } = result
      const payload = { site, task: id, kind, round, code, parameters, refused }
      await tables.event({ kind: 'task.failed', study, payload })
      await tables.audit('task.failed', { study, site, task: id, code, refused })
    } else {
      await tables.event({ kind: 'task.reported', study, payload: { site, task: id, kind, round } })
    }
    return eager || !(await tables.waits(study, kind, round))
  })
  // Its site may listen for what becomes of it, while it is at work on others.
  context.notifier.wake(`site/${site}`)
  // The last to report moves the study on; until then there is nothing to do but wait.
  if (last) context.advance(study)
  if (failed) await context.blobs.staged.discard(id)
}
