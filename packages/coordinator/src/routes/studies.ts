/** What a researcher does with studies. */
import { WardroundError } from '@wardround/core/errors.ts'
import { preparationSchema } from '@wardround/core/preparation/schema.ts'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import type { Outcome, StopReason } from '@wardround/core/protocol/events.ts'
import { outcomeSchema, stopReasonSchema } from '@wardround/core/protocol/events.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import { resultsSchema } from '@wardround/core/protocol/results.ts'
import type { RouteAnswer } from '@wardround/core/protocol/routes.ts'
import { sign } from '@wardround/core/protocol/signing.ts'
import { findingsSchema } from '@wardround/core/protocol/summaries.ts'
import type { Context } from '../context.ts'
import { givenWeights } from '../first-weights.ts'
import type { Handlers } from '../handlers.ts'
import { lostFor } from '../mending.ts'
import { modelFile } from '../model-file.ts'
import { offerDocument } from '../offers.ts'
import { bestWeights } from '../results.ts'
import { activeSites, studyOf } from '../running.ts'
import { sendPieces } from '../send-blob.ts'
import { freshStudy, type StudyRow, type TaskRow } from '../store/schema.ts'
import { quorumOf, resultOf } from '../tasks.ts'
import { areKept } from './first-weights.ts'

type Names = 'publish' | 'studies' | 'study' | 'start' | 'stop' | 'results' | 'model' | 'weights'
type Summary = RouteAnswer<'publish'>

export function studyHandlers(context: Context): Pick<Handlers, Names> {
  const { store } = context
  const found = async (id: string): Promise<StudyRow> => {
    const row = await store.study(id)
    if (row === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'study', name: id })
    return row
  }
  const summary = (row: StudyRow): Promise<Summary> => summaryOf(context, row)
  return {
    publish: async ({ body }, caller) => summary(await publish(context, body.plan, caller.name)),
    studies: async () => ({ studies: await Promise.all((await store.studies()).map(summary)) }),
    async study({ params }) {
      // Before everything else is read: what happens meanwhile comes after it.
      const sequence = await store.lastSequence()
      return detailOf(context, await found(params.study), sequence)
    },
    async start({ params, body }, caller) {
      await start(context, await found(params.study), { sites: body.sites, by: caller.name })
      return summary(await found(params.study))
    },
    async stop({ params }, caller) {
      const row = await found(params.study)
      if (row.state !== 'running')
        throw new WardroundError('WR_STUDY_STATE', { study: row.id, state: row.state, wanted: 'stop' })
      await store.transaction(async (tables) => {
        await tables.updateStudy(row.id, { stop_requested: 1 })
        await tables.audit('study.stop', { study: row.id, by: caller.name })
      })
      context.advance(row.id)
      return summary(await found(row.id))
    },
    async results({ params }) {
      const row = await found(params.study)
      if (row.results === null)
        throw new WardroundError('WR_STUDY_STATE', { study: row.id, state: row.state, wanted: 'show the results of' })
      return resultsSchema.parse(JSON.parse(row.results))
    },
    async weights({ params }) {
      const row = await found(params.study)
      return { round: row.best_round, weights: bestWeights(await roundsOf(context, row), row.best_round) }
    },
    async model({ params, query }, _, reply) {
      const row = await found(params.study)
      const weights = bestWeights(await roundsOf(context, row), row.best_round)
      const { name, sizeBytes, pieces } = await modelFile(context, { row, weights, format: query.format })
      reply
        .header('content-type', 'application/octet-stream')
        .header('content-length', sizeBytes)
        .header('content-disposition', `attachment; filename="${name}"`)
      return sendPieces(reply, pieces)
    },
  }
}

async function roundsOf({ store }: Context, row: StudyRow) {
  const rounds = await store.rounds(row.id)
  if (rounds.length === 0)
    throw new WardroundError('WR_STUDY_STATE', { study: row.id, state: row.state, wanted: 'have weights of' })
  return rounds
}

async function publish(context: Context, given: unknown, by: string): Promise<StudyRow> {
  const { study, plan, planHash } = validatePlan(given)
  const id = `${study.name}-${planHash.slice(0, 8)}`
  const identity = { id, plan_hash: planHash, plan: canonicalJson(plan) }
  const row: StudyRow = {
    ...identity,
    name: study.name,
    offer_signature: sign(context.keys, 'wardround-offer-v1', offerDocument(identity)),
    published_at: new Date(context.clock.now()).toISOString(),
    ...freshStudy,
  }
  await context.store.transaction(async (tables) => {
    // Looked for again, among nobody else's changes: two may publish it at once.
    if ((await tables.study(id)) !== undefined) throw new WardroundError('WR_STUDY_EXISTS', { study: id })
    await tables.addStudy(row)
    await tables.event({ kind: 'study.published', study: id, payload: { planHash } })
    await tables.audit('study.published', { study: id, planHash, by })
  })
  return row
}

/** Also starts again after preflight has stopped it. */
async function start(
  context: Context,
  row: StudyRow,
  { sites, by }: { sites: readonly string[] | undefined; by: string },
): Promise<void> {
  if (row.state !== 'published' && row.state !== 'blocked')
    throw new WardroundError('WR_STUDY_STATE', { study: row.id, state: row.state, wanted: 'start' })
  const given = givenWeights(studyOf(row))
  if (given !== undefined && !(await areKept(context, row.id, given)))
    throw new WardroundError('WR_STUDY_WEIGHTS', { study: row.id })
  const invited = sites === undefined ? row.invited : JSON.stringify(sites)
  const active = await activeSites(context, { ...row, invited })
  const study = studyOf(row)
  const need = Math.max(1, sites === undefined ? quorumOf(study, active) : quorumOf(study, sites))
  if (active.length < need)
    throw new WardroundError('WR_QUORUM_IMPOSSIBLE', { study: row.id, have: active.length, need })
  await context.store.transaction(async (tables) => {
    // Another may have started it meanwhile.
    const { state = row.state, attempt } = (await tables.study(row.id)) ?? {}
    if (state !== row.state || attempt !== row.attempt)
      throw new WardroundError('WR_STUDY_STATE', { study: row.id, state, wanted: 'start' })
    await tables.updateStudy(row.id, {
      state: 'preparing',
      invited,
      attempt: row.attempt + 1,
      started_at: context.clock.now(),
    })
    await tables.event({
      kind: 'study.started',
      study: row.id,
      payload: { sites: active, maximumRounds: study.rounds.maximum },
    })
    await tables.audit('study.started', { study: row.id, sites: active, by })
  })
  context.advance(row.id)
}

export async function summaryOf({ store }: Pick<Context, 'store'>, row: StudyRow): Promise<Summary> {
  const [decisions, from] = [await store.decisions(row.id), await store.importOf(row.id)]
  return {
    id: row.id,
    name: row.name,
    planHash: row.plan_hash,
    state: row.state,
    round: (await store.lastRound(row.id))?.number ?? 0,
    outcome: row.outcome === null ? null : (outcomeSchema.parse(row.outcome) satisfies Outcome),
    stoppedBecause:
      row.stopped_because === null ? null : (stopReasonSchema.parse(row.stopped_because) satisfies StopReason),
    publishedAt: row.published_at,
    ...(from === undefined ? {} : { imported: { coordinatorKey: from.coordinator_key, madeAt: from.made_at } }),
    decisions: decisions.map(({ site, decision, reason }) => ({
      site,
      decision,
      ...(reason === null ? {} : { reason }),
    })),
  }
}

async function detailOf(context: Context, row: StudyRow, sequence: number): Promise<RouteAnswer<'study'>> {
  const { store } = context
  return {
    ...(await summaryOf(context, row)),
    plan: JSON.parse(row.plan) as Record<string, unknown>,
    preparation: row.preparation === null ? null : preparationSchema.parse(JSON.parse(row.preparation)),
    findings: findingsSchema.parse(JSON.parse(row.findings)),
    failures: (await store.lastFailures(row.id)).flatMap(failureOf),
    lost: await lostFor(context, row.id),
    waitingFor: await store.sitesAwaited(row.id),
    sequence,
  }
}

function failureOf(task: TaskRow): RouteAnswer<'study'>['failures'] {
  const result = resultOf(task)
  if (result?.kind !== 'failed') return []
  const { code, parameters, refused } = result
  return [
    {
      site: task.site,
      kind: task.kind,
      round: task.round,
      code,
      parameters,
      refused,
      at: new Date(task.settled_at ?? task.issued_at).toISOString(),
    },
  ]
}
