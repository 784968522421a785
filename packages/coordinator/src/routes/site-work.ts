/** What a site asks for and hands in: offers, decisions, tasks, weights, results. */

import { type ErrorParameters, WardroundError } from '@wardround/core/errors.ts'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import { verify } from '@wardround/core/protocol/signing.ts'
import { grantSchema, type TaskResult } from '@wardround/core/protocol/task.ts'
import type { Context } from '../context.ts'
import { checkResult } from '../door.ts'
import type { Handlers } from '../handlers.ts'
import { offerDocument } from '../offers.ts'
import type { TaskRow } from '../store/schema.ts'

type Names = 'offers' | 'decide' | 'nextTask' | 'blob' | 'uploadState' | 'upload' | 'report' | 'progress'

/** The largest piece of an upload. */
export const pieceLimitBytes = 4 << 20

export function siteWorkHandlers(context: Context): Pick<Handlers, Names> {
  const { store, blobs, notifier, bytesDown } = context
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
      const limits = { waitMs: query.wait * 1000, signal: caller.signal }
      const task = await notifier.until(`site/${caller.name}`, () => store.openTask(caller.name), limits)
      return { task: task === undefined ? null : { document: task.document, signature: task.signature } }
    },
    async blob({ params }, caller, reply) {
      const start = rangeStart(caller.headers.range)
      const size = await blobs.size(params.sha256)
      if (start >= size && size > 0)
        throw new WardroundError('WR_BODY_INVALID', { field: 'range', problem: 'it starts behind the end' })
      const current = await store.openTask(caller.name)
      if (current !== undefined) bytesDown.set(current.study, (bytesDown.get(current.study) ?? 0) + size - start)
      reply
        .code(start > 0 ? 206 : 200)
        .header('content-type', 'application/octet-stream')
        .header('content-length', size - start)
      if (start > 0) reply.header('content-range', `bytes ${start}-${size - 1}/${size}`)
      const { Readable } = await import('node:stream')
      return reply.send(Readable.from(blobs.stream(params.sha256, start)))
    },
    async uploadState({ params }, caller) {
      const task = await ownTask(context, params.task, caller.name)
      return { receivedBytes: await blobs.staged.receivedBytes(task.id) }
    },
    async upload({ params, query }, caller) {
      const task = await openTask(context, params.task, caller.name)
      if (task.kind !== 'train') throw new WardroundError('WR_TASK_FOREIGN', { task: task.id })
      return { receivedBytes: await blobs.staged.append(task.id, query.offset, caller.rawBody) }
    },
    async report({ params, body }, caller) {
      await report(context, await ownTask(context, params.task, caller.name), {
        result: body,
        bytes: caller.rawBody.length,
      })
      return {}
    },
    async progress({ params, body }, caller) {
      const task = await openTask(context, params.task, caller.name)
      context.log('info', 'progress', { site: caller.name, task: task.id, done: body.done })
      return {}
    },
  }
}

async function decide(context: Context, site: string, signed: { document: string; signature: string }): Promise<void> {
  const { store, clock } = context
  const row = await store.site(site)
  if (row === undefined || !(await verify(row.public_key, 'wardround-grant-v1', signed)))
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
    return JSON.parse(text)
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

/**
 * Takes a result in, once. Another one is refused; the same again is thanked for, and the study looked at: the first time may have
 * ended between the store's commit and what follows it.
 */
async function report(
  context: Context,
  task: TaskRow,
  { result, bytes }: { result: TaskResult; bytes: number },
): Promise<void> {
  const text = canonicalJson(result)
  if (task.state !== 'open') {
    if (task.result === text) return context.advance(task.study)
    throw new WardroundError('WR_TASK_CLOSED', { task: task.id })
  }
  if (result.kind !== 'failed' && result.kind !== task.kind)
    throw new WardroundError('WR_BODY_INVALID', { field: 'kind', problem: `the task is ${task.kind}` })
  try {
    await checkResult(context, task, result)
  } catch (error) {
    if (!(error instanceof WardroundError) || error.retry !== 'permanent') throw error
    // A result that is not fit for use counts as this site's failure; the round goes on without it.
    await settle(context, task, { result: failure(error), bytes })
    throw error
  }
  await settle(context, task, { result, bytes: bytes + (result.kind === 'train' ? result.update.sizeBytes : 0) })
}

const failure = ({ code, parameters }: WardroundError): TaskResult => ({
  kind: 'failed',
  code,
  parameters: plain(parameters),
  refused: true,
})

const plain = (parameters: ErrorParameters): Record<string, string | number> =>
  Object.fromEntries(
    Object.entries(parameters).map(([key, value]) => [key, typeof value === 'number' ? value : String(value)]),
  )

async function settle(
  context: Context,
  task: TaskRow,
  { result, bytes }: { result: TaskResult; bytes: number },
): Promise<void> {
  const { id, study, site, kind, round } = task
  const failed = result.kind === 'failed'
  const down = context.bytesDown.get(study) ?? 0
  context.bytesDown.delete(study)
  const last = await context.store.transaction(async (tables) => {
    const settled = await tables.settleTask(id, {
      state: failed ? 'failed' : 'reported',
      result: canonicalJson(result),
      settled_at: context.clock.now(),
    })
    if (!settled) throw new WardroundError('WR_TASK_CLOSED', { task: id })
    await tables.countBytes(study, { up: bytes, down })
    if (result.kind === 'failed') {
      const { code, parameters, refused } = result
      const payload = { site, task: id, kind, round, code, parameters, refused }
      await tables.event({ kind: 'task.failed', study, payload })
      await tables.audit('task.failed', { study, site, task: id, code, refused })
    } else {
      await tables.event({ kind: 'task.reported', study, payload: { site, task: id, kind, round } })
    }
    return !(await tables.waits(study, kind, round))
  })
  // The last to report moves the study on; until then there is nothing to do but wait.
  if (last) context.advance(study)
  if (failed) await context.blobs.staged.discard(id)
}

/** `bytes=N-`; anything else starts at 0. */
const rangeStart = (header: string | undefined): number => Number(/^bytes=(\d{1,15})-$/.exec(header ?? '')?.[1] ?? 0)
