/**
 * One task at a hospital, top to bottom: verify → approve → load → train → protect → record → send. Every check is made here, on this
 * machine, against this site's own files; whatever does not hold is refused, written into the journal and told.
 */
import { asWardroundError, type ErrorCode, registry, WardroundError } from '@wardround/core/errors.ts'
import { parseJson } from '@wardround/core/json.ts'
import { collectingOf, latestOf } from '@wardround/core/learning/collecting.ts'
import { canonicalJson, sha256Hex } from '@wardround/core/protocol/canonical.ts'
import { type Signed, verify } from '@wardround/core/protocol/signing.ts'
import { type Report, type Task, taskSchema } from '@wardround/core/protocol/task.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { siteWords } from '@wardround/core/words/en/site.ts'
import { dropCheckpoint } from './checkpoint.ts'
import { persistently, pollSeconds } from './client.ts'
import type { SiteContext } from './context.ts'
import { requireAllowed } from './egress/release.ts'
import { letGo } from './memory.ts'
import { damaged, type Packed, type Parcel, pack, send } from './outbox.ts'
import type { ReleasedResult } from './progress.ts'
import { studyFolder } from './study-folder.ts'
import { doTask } from './work.ts'

/**
 * Runs a task to its end: delivered, refused, or failed. The next one, if the coordinator has given it already. Throws only what makes going
 * on senseless (WR_CANCELLED, WR_CHAIN_BROKEN, WR_PERMISSION), and WR_DISK, after which it can be called again.
 */
export async function runTask(site: SiteContext, signed: Signed): Promise<Signed | null> {
  const task = await verifyTask(site, signed).catch((error: unknown) => refuse(site, named(signed), error))
  if (task === undefined) return null
  const study = await approve(site, task).catch((error: unknown) => refuse(site, task, error))
  const waiting = site.outbox.find(task.id)
  if (study === undefined) {
    if (waiting !== undefined) site.outbox.drop(task.id, waiting)
    return null
  }
  const result = waiting ?? (await put(site, task, study))
  return result === undefined ? null : deliver(site, task, result)
}

/** Does it, and has the result in the outbox. */
async function put(site: SiteContext, task: Task, study: Study): Promise<Parcel | undefined> {
  // Of a task that is closed nothing is told, whatever ended the work on it: the coordinator may have given it no weights any more.
  const result = await perform(site, task, study).catch((error: unknown) =>
    site.jobs.isWanted(task.id) || endsOrWaits.has(asWardroundError(error).code)
      ? refuse(site, task, error)
      : dropWork(site, task),
  )
  if (result === undefined) return undefined
  const kept = site.outbox.put(task.id, result)
  // The last task of a study clears away what one that failed has left.
  if (task.kind === 'train' || task.kind === 'finish') dropCheckpoint(site, task.study)
  // Sending takes a while, and may have to wait for the other side. (A report may share its memory.)
  if (result.kind === 'update') letGo(result.parts)
  return kept
}

/** The coordinator has closed it, as this site has heard while it was at work: nothing of it leaves, and nobody need be told. */
function dropWork(site: SiteContext, task: Task): undefined {
  if (task.kind === 'train') dropCheckpoint(site, task.study)
  site.log('warn', siteWords.unwanted(task.id))
}

/** The coordinator's signature, our address, the time. */
async function verifyTask(site: SiteContext, signed: Signed): Promise<Task> {
  if (!verify(site.ed25519, site.membership.coordinatorKey, { context: 'wardround-task-v1', ...signed }))
    throw new WardroundError('WR_SIGNATURE_INVALID', { what: 'a task' })
  const parsed = taskSchema.safeParse(safeJson(signed.document))
  if (!parsed.success)
    throw new WardroundError('WR_BODY_INVALID', {
      field: `task.${parsed.error.issues[0]?.path.join('.') ?? ''}`,
      problem: parsed.error.issues[0]?.message ?? '',
    })
  const task = parsed.data
  if (task.site !== site.membership.site) throw new WardroundError('WR_TASK_FOREIGN', { task: task.id })
  if (task.expiresAt < site.client.coordinatorNow()) throw new WardroundError('WR_TASK_EXPIRED', { task: task.id })
  return task
}

/** Our own grant, and the plan's hash; for a result that waits in the outbox, too: the grant may have been taken back. */
const approve = async ({ approvedPlan }: SiteContext, { study, planHash }: Task): Promise<Study> =>
  approvedPlan(study, planHash)

/** The preparation's hash, the round's number; then the work; then the policy. */
async function perform(site: SiteContext, task: Task, study: Study): Promise<Packed> {
  const before = requireFresh(site, task, study)
  const round = roundOf(task)
  const { device } = site.config.training
  const accepted = { task: task.id, study: task.study, kind: task.kind, round }
  site.journal.note('task-accepted', { ...accepted, ...(device === 'cpu' ? {} : { device }) })
  site.log('info', siteWords.taskAccepted(task.kind, round))
  const started = site.clock.steadyNow()
  const answer = await doTask(site, task, study)
  site.jobs.requireWanted(task.id)
  const values = answer.values === undefined ? {} : { values: answer.values }
  requireAllowed(
    { kind: answer.release, study: study.name, round, patients: answer.patients, ...values },
    site.config.policy,
    study.data.minimumCohort,
  )
  const result = pack(answer.result)
  if (before !== undefined && before.sha256 !== result.sha256)
    throw new WardroundError('WR_ROUND_REPLAYED', { study: task.study, round })
  await answer.keep?.()
  site.log('info', siteWords.taskDone(task.kind, (site.clock.steadyNow() - started) / 1000))
  return result
}

/**
 * What left of this very task before: it may leave again, and nothing else. A power cut may have taken it out of the outbox, or the coordinator may
 * have lost it, or have been restored from a backup. Errors: WR_PLAN_ALTERED for another preparation than the first one seen, WR_ROUND_REPLAYED.
 */
function requireFresh(site: SiteContext, task: Task, study: Study): ReleasedResult | undefined {
  if (task.kind === 'prepare') return undefined
  requirePreparation(site, task, study)
  const released = site.progress.released(task.study, task.id)
  if (released !== undefined) return released
  const progress = site.progress.of(task.study)
  const before = progress[task.kind]
  const trained = progress.train?.round ?? 0
  const replayed =
    (task.kind === 'train' && task.round <= trained) ||
    // An update that counted late is evaluated with the round that it counted in.
    (task.kind === 'evaluate' &&
      (task.round <= (before?.round ?? 0) || task.round > trained + latestOf(collectingOf(study)))) ||
    (task.kind === 'finish' && before !== undefined)
  if (replayed) throw new WardroundError('WR_ROUND_REPLAYED', { study: task.study, round: task.round })
  if (task.kind === 'train' && task.round > study.rounds.maximum)
    throw new WardroundError('WR_PLAN_ALTERED', { study: task.study })
  return undefined
}

/** The preparation that the plan asks for, and the same in every task. */
function requirePreparation(site: SiteContext, task: Exclude<Task, { kind: 'prepare' }>, study: Study): void {
  const kept = studyFolder(site, task.study)
  const first = kept.preparation()
  const own = canonicalJson(task.preparation)
  const altered =
    sha256Hex(own) !== task.preparationHash ||
    task.preparation.normalise !== study.data.normalise ||
    (first !== undefined && canonicalJson(first) !== own)
  if (altered) throw new WardroundError('WR_PLAN_ALTERED', { study: task.study })
  if (first === undefined) kept.savePreparation(task.preparation)
}

/** Sends what is in the outbox until the coordinator has thanked for it, or says that it no longer wants it, or the grant is taken back. */
async function deliver(site: SiteContext, task: Task, result: Parcel): Promise<Signed | null> {
  const { client, outbox, pieceBytes, signal } = site
  const { id, study, planHash, kind } = task
  site.errand({ study, planHash, result: { task: id, kind, round: roundOf(task), sha256: result.sha256 } })
  let next: Signed | null | 'damaged' = null
  try {
    const attempt = () =>
      send(client, id, { result, waitSeconds: site.jobs.alone() ? pollSeconds : 0, pieceBytes, signal }).catch(
        (error: unknown) => {
          // What is not understood may no longer be what was put: then it is gone from the outbox, and no waiting brings it back.
          if (isOfTheLine(asWardroundError(error)) || signal?.aborted || outbox.find(id) !== undefined) throw error
          return 'damaged' as const
        },
      )
    next = await persistently(attempt, site.patience)
    if (next === 'damaged') throw damaged(result.path)
    site.journal.note('thanked', { task: id, study })
  } catch (error) {
    const { code, sentences } = asWardroundError(error)
    if (code === 'WR_CANCELLED' || next === 'damaged' || signal?.aborted) throw error
    if (code === 'WR_NOT_APPROVED') {
      outbox.drop(id, result)
      await refuse(site, task, error)
      return null
    }
    if (code !== 'WR_TASK_CLOSED') site.journal.write('task-refused', { task: id, study, code, why: sentences.what })
    site.log(
      'warn',
      code === 'WR_TASK_CLOSED' ? siteWords.dropped(id) : siteWords.taskFailed(sentences.what, sentences.why),
    )
  }
  outbox.drop(id, result)
  return next
}

type Named = Pick<Task, 'id' | 'study' | 'planHash'>

/** What an unverified document calls itself: enough to refuse it by name. */
export function named({ document }: Signed): Named {
  const parsed = taskSchema.safeParse(safeJson(document))
  return parsed.success ? parsed.data : { id: '', study: '', planHash: '' }
}

function safeJson(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    // Then it is no task, whatever else it says.
    return undefined
  }
}

/** Journalled, explained here, shown to the researcher. */
async function refuse(site: SiteContext, task: Named, thrown: unknown): Promise<undefined> {
  const error = asWardroundError(thrown)
  // A disk that cannot be written to is waited for by whoever called runTask().
  if (site.signal?.aborted || endsOrWaits.has(error.code)) throw error
  const { what, why } = error.sentences
  if (isOfTheLine(error)) {
    site.log('warn', siteWords.taskFailed(what, why), error.cause)
    return undefined
  }
  const refused = meant(error)
  site.journal.write('task-refused', { task: task.id, study: task.study, code: error.code, why: `${what} ${why}` })
  site.log(refused ? 'warn' : 'error', (refused ? siteWords.taskRefused : siteWords.taskFailed)(what, why), error.cause)
  if (task.id !== '' && (await tell(site, task, { error, refused }))) return undefined
  // The coordinator goes on handing out what it was not told about.
  await site.clock.sleep(untoldPauseMs, site.signal)
  return undefined
}

const endsOrWaits: ReadonlySet<ErrorCode> = new Set(['WR_CANCELLED', 'WR_CHAIN_BROKEN', 'WR_DISK'])

const untoldPauseMs = 30_000

/** The line broke: nobody refused anything. The task stays open, and is asked for again. */
const isOfTheLine = ({ code, retry }: WardroundError): boolean => registry[code].exit === 6 && retry !== 'permanent'

/** Whether the coordinator heard of the failure. */
async function tell(
  site: SiteContext,
  task: Named,
  { error, refused }: { error: WardroundError; refused: boolean },
): Promise<boolean> {
  const result: Report = { kind: 'failed', code: error.code, parameters: peerParameters(error), refused }
  site.errand({ study: task.study, planHash: task.planHash })
  try {
    const report = () => site.client.call('report', { params: { task: task.id }, body: result })
    await persistently(report, site.patience, 5)
    return true
  } catch (failure) {
    const { sentences } = asWardroundError(failure)
    site.log('warn', siteWords.taskFailed(sentences.what, sentences.why))
    return false
  }
}

/** Whether the site will not, rather than could not. */
const meant = ({ code }: WardroundError): boolean => registry[code].exit === 5 || refusals.has(code)
const refusals: ReadonlySet<ErrorCode> = new Set(['WR_WEIGHTS_INVALID', 'WR_WEIGHTS_SHAPE', 'WR_COHORT_TOO_SMALL'])

/** Only what the registry lets out, as numbers and short texts. */
function peerParameters({ code, parameters }: WardroundError): Record<string, string | number> {
  if (registry[code].exposure === 'local') return {}
  return Object.fromEntries(
    Object.entries(parameters).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, typeof value === 'number' ? value : String(value).slice(0, 200)]],
    ),
  )
}

const roundOf = (task: Task): number => (task.kind === 'prepare' ? 0 : task.round)
