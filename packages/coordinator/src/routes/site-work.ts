/** What a site asks for and hands in: offers, decisions, tasks, weights, results. */

import { WardroundError } from '@wardround/core/errors.ts'
import { parseJson } from '@wardround/core/json.ts'
import { verify } from '@wardround/core/protocol/signing.ts'
import { grantSchema } from '@wardround/core/protocol/task.ts'
import type { Context } from '../context.ts'
import { givenWeights } from '../first-weights.ts'
import type { Handlers } from '../handlers.ts'
import { hindranceNotes } from '../hindrances.ts'
import { takeReport } from '../intake.ts'
import { mend, readMended } from '../mending.ts'
import { nextTasks } from '../next-task.ts'
import { offerDocument } from '../offers.ts'
import { receiveUpdate } from '../receiving.ts'
import { studyOf } from '../running.ts'
import { sendPieces } from '../send-blob.ts'
import type { TaskRow } from '../store/schema.ts'
import { commonFacts } from '../task-document.ts'

type Names = 'offers' | 'decide' | 'nextTask' | 'blob' | 'uploadState' | 'upload' | 'report' | 'progress'

/** The largest blob that leaves in one. */
const wholeBytes = 1 << 16

/** The largest piece of an upload. */
export const pieceLimitBytes = 4 << 20

export function siteWorkHandlers(context: Context): Pick<Handlers, Names> {
  const { store, blobs, bytesDown } = context
  const hindrances = hindranceNotes(context)
  const nextTask = nextTasks(context)
  return {
    async offers(_, caller) {
      const rows = (await store.studies()).filter(({ state }) => state !== 'ended')
      const offers = await Promise.all(
        rows.map(async (row) => {
          const decision = (await store.decisions(row.id)).find(({ site }) => site === caller.name)?.decision ?? null
          return { document: offerDocument(row), signature: row.offer_signature, decision }
        }),
      )
      return { offers }
    },
    async decide({ body }, caller) {
      await decide(context, caller.name, body)
      return {}
    },
    async nextTask({ query }, caller) {
      if (query.hindered !== undefined) await hindrances.note(caller.name, query.hindered)
      return nextTask(caller, { waitSeconds: query.wait })
    },
    async blob({ params }, caller, reply) {
      const start = rangeStart(caller.headers.range)
      await requireNamed(context, caller.name, params.sha256)
      const size = await sizeOf(context, params.sha256)
      if (start >= size && size > 0)
        throw new WardroundError('WR_BODY_INVALID', { field: 'range', problem: 'it starts behind the end' })
      bytesDown.set(caller.name, (bytesDown.get(caller.name) ?? 0) + size - start)
      reply
        .code(start > 0 ? 206 : 200)
        .header('content-type', 'application/octet-stream')
        .header('content-length', size - start)
      if (start > 0) reply.header('content-range', `bytes ${start}-${size - 1}/${size}`)
      // A small one leaves with its head.
      if (size <= wholeBytes) {
        const { buffer, byteOffset, length } = (await readMended(context, params.sha256)).subarray(start)
        return reply.send(Buffer.from(buffer, byteOffset, length))
      }
      return sendPieces(reply, blobs.stream(params.sha256, start))
    },
    async uploadState({ params }, caller) {
      const task = await ownTask(context, params.task, caller.name)
      return { receivedBytes: await blobs.staged.receivedBytes(task.id) }
    },
    async upload({ params, query: { offset, sizeBytes, sha256, wait } }, caller) {
      const task = await ownTask(context, params.task, caller.name)
      const receivedBytes = await receiveUpdate(context, task, {
        offset,
        incoming: caller.incoming,
        announcedBytes: caller.announcedBytes,
        blob: { sha256, sizeBytes },
      })
      return {
        receivedBytes,
        ...(receivedBytes < sizeBytes
          ? { task: null }
          : await nextTask(caller, { waitSeconds: wait, broughtResult: true })),
      }
    },
    async report({ params, query, body }, caller) {
      const task = await ownTask(context, params.task, caller.name)
      await takeReport(context, task, { report: body, sizeBytes: caller.rawBody.length })
      return nextTask(caller, { waitSeconds: query.wait, broughtResult: true })
    },
    async progress({ params, body }, caller) {
      const task = await openTask(context, params.task, caller.name)
      context.log('info', 'progress', { site: caller.name, task: task.id, done: body.done })
      return {}
    },
  }
}

/**
 * A site gets what its open tasks and their plans name, and hears of anything else that there is no such blob. Errors: WR_BLOB_MISSING.
 */
async function requireNamed({ store }: Context, site: string, sha256: string): Promise<void> {
  const tasks = await store.openTasksOfSite(site)
  if (tasks.some((task) => commonFacts(task).weights.includes(sha256))) return
  for (const study of new Set(tasks.map((task) => task.study))) {
    const row = await store.study(study)
    if (row !== undefined && givenWeights(studyOf(row))?.sha256 === sha256) return
  }
  throw new WardroundError('WR_BLOB_MISSING', { sha256 })
}

/** Of a blob that has to be made again, too. Errors: WR_BLOB_MISSING. */
async function sizeOf(context: Context, sha256: string): Promise<number> {
  try {
    return await context.blobs.size(sha256)
  } catch (error) {
    if ((await mend(context, { sha256 })) === 'lost') throw error
    return context.blobs.size(sha256)
  }
}

async function decide(context: Context, site: string, signed: { document: string; signature: string }): Promise<void> {
  const { store, clock, ed25519 } = context
  const row = await store.site(site)
  if (row === undefined || !verify(ed25519, row.public_key, { context: 'wardround-grant-v1', ...signed }))
    throw new WardroundError('WR_SIGNATURE_INVALID', { what: 'the decision' })
  const grant = grantSchema.safeParse(parsed(signed.document))
  if (!grant.success)
    throw new WardroundError('WR_BODY_INVALID', { field: 'document', problem: 'it is not a decision' })
  const { study: id, planHash, decision, reason } = grant.data
  // PostgreSQL keeps no such character in text.
  if (reason?.includes('\0')) throw new WardroundError('WR_BODY_INVALID', { field: 'reason', problem: 'it holds NUL' })
  const study = await store.study(id)
  if (study === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'study', name: id })
  if (grant.data.site !== site) throw new WardroundError('WR_TASK_FOREIGN', { task: id })
  if ((await store.importOf(id)) !== undefined)
    throw new WardroundError('WR_STUDY_STATE', { study: id, state: 'imported', wanted: 'decide on' })
  if (planHash !== study.plan_hash) throw new WardroundError('WR_PLAN_ALTERED', { study: id })
  await store.transaction(async (tables) => {
    await tables.putDecision({
      study: id,
      site,
      decision,
      reason: reason ?? null,
      grant: signed.document,
      signature: signed.signature,
    })
    await tables.event({
      kind: 'study.decided',
      study: id,
      payload: { site, decision, ...(reason === undefined ? {} : { reason }) },
    })
    await tables.audit('study.decided', { study: id, site, decision, planHash })
  })
  context.log('info', 'decision', { study: id, site, decision, at: clock.now() })
}

function parsed(text: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    throw new WardroundError('WR_BODY_INVALID', { field: 'document', problem: 'it is not JSON' }, { cause: error })
  }
}

async function ownTask({ store }: Context, id: string, site: string): Promise<TaskRow> {
  const task = await store.task(id)
  if (task === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'task', name: id })
  if (task.site !== site) throw new WardroundError('WR_TASK_FOREIGN', { task: id })
  return task
}

async function openTask(context: Context, id: string, site: string): Promise<TaskRow> {
  const task = await ownTask(context, id, site)
  if (task.state !== 'open') throw new WardroundError('WR_TASK_CLOSED', { task: id })
  return task
}

/** `bytes=N-`; anything else starts at 0. */
const rangeStart = (header: string | undefined): number => Number(/^bytes=(\d{1,15})-$/.exec(header ?? '')?.[1] ?? 0)
