/** A study of another coordinator, taken in: it can be shown, its report drawn and its model pulled, and nobody can train it. */

import { WardroundError } from '@wardround/core/errors.ts'
import { splitSpecs } from '@wardround/core/graph/network.ts'
import { preparationSchema, preparedInputs } from '@wardround/core/preparation/schema.ts'
import { canonicalJson, sha256Hex } from '@wardround/core/protocol/canonical.ts'
import { linkHash } from '@wardround/core/protocol/chain.ts'
import { readPlan } from '@wardround/core/protocol/plan.ts'
import { resultsSchema } from '@wardround/core/protocol/results.ts'
import { verify } from '@wardround/core/protocol/signing.ts'
import { type BlobRef, blobRefSchema } from '@wardround/core/protocol/task.ts'
import { studyFileWords } from '@wardround/core/words/en/study-file.ts'
import type { BlobStore } from '../blobs/blob-store.ts'
import type { GatheredBlobs } from '../blobs/gathered.ts'
import type { Context } from '../context.ts'
import { checkWeights } from '../door.ts'
import { offerDocument } from '../offers.ts'
import { bestWeights } from '../results.ts'
import type { RoundRow, StudyRow, TaskRecord } from '../store/schema.ts'
import { taskId } from '../tasks.ts'
import { isOf } from './export.ts'
import { type ReadStudy, readStudyFile, unfit } from './read.ts'

/** `file` is a blob that `held` holds. Returns the study's id. Errors: WR_STUDY_FILE, WR_STUDY_EXISTS, WR_STUDY_INVALID, those of weights. */
export async function importStudy(
  context: Context,
  held: GatheredBlobs,
  { file, by }: { file: BlobRef; by: string },
): Promise<string> {
  const read = await readStudyFile(held.stream(file.sha256), { blobs: held, ed25519: context.ed25519 })
  const { study, manifest } = read
  if ((await context.store.study(study.id)) !== undefined)
    throw new WardroundError('WR_STUDY_EXISTS', { study: study.id })
  const { row, rounds } = checked(context, read)
  await checkModel(held, row, read)
  const { id, plan_hash: planHash } = row
  const { coordinatorKey } = manifest
  await context.store.transaction(async (tables) => {
    if ((await tables.study(id)) !== undefined) throw new WardroundError('WR_STUDY_EXISTS', { study: id })
    await tables.addStudy(row)
    await held.write(tables)
    for (const decision of study.decisions) await tables.putDecision({ study: id, ...decision })
    await tables.addRounds(rounds)
    await tables.addForms(read.rows.forms)
    await tables.addTaskRecords(read.rows.tasks.map((task): TaskRecord => ({ study: id, ...task })))
    for (const ref of [read.first, read.best]) await tables.keepBlob(id, ref)
    const from = { coordinator_key: coordinatorKey, made_at: manifest.madeAt, sha256: file.sha256 }
    await tables.addImport({ study: id, ...from })
    await tables.event({ kind: 'study.imported', study: id, payload: { planHash, coordinatorKey } })
    const last = await tables.lastSequence()
    await tables.putEvents(
      read.rows.events.map(({ payload, ...event }, index) => ({
        ...event,
        sequence: last + 1 + index,
        payload: JSON.stringify(payload),
      })),
    )
    await tables.audit('study.imported', { study: id, planHash, coordinatorKey, file: file.sha256, by })
  })
  return id
}

/** Whether everything is of this one study, and agrees; what a signature says is only who says it. */
function checked({ ed25519 }: Context, read: ReadStudy): { row: StudyRow; rounds: RoundRow[] } {
  const { manifest, study, rows } = read
  const need = (holds: boolean, what: string): void => {
    if (!holds) throw unfit(studyFileWords.disagrees(what))
  }
  const { study: parsed, plan, planHash } = readPlan(study.plan)
  const results = resultsSchema.parse(JSON.parse(study.results))
  const { decisions: _, ...rest } = study
  const preparation: unknown = study.preparation === null ? null : JSON.parse(study.preparation)
  const row: StudyRow = {
    ...rest,
    name: parsed.name,
    plan: canonicalJson(plan),
    plan_hash: planHash,
    state: 'ended',
    preparation_hash: preparation === null ? null : sha256Hex(canonicalJson(preparation)),
    outcome: results.outcome,
    stopped_because: results.stoppedBecause,
  }
  const { id } = study
  need(id === `${parsed.name}-${planHash.slice(0, 8)}` && manifest.study === id, 'the name')
  const offer = { context: 'wardround-offer-v1', document: offerDocument(row), signature: row.offer_signature } as const
  need(verify(ed25519, manifest.coordinatorKey, offer), 'the offer')
  need(results.studyId === id && results.planHash === planHash, 'the result')
  const rounds = rows.rounds.map((round): RoundRow => ({ study: id, ...round }))
  need(rounds.length > 0 && rounds.every(({ number }, index) => number === index + 1), 'a round')
  const best = bestWeights(rounds, row.best_round)
  need(startOf(rounds) === read.first.sha256 && results.weightsSha256 === best.sha256, 'a model')
  need(best.sha256 === read.best.sha256 && best.sizeBytes === read.best.sizeBytes, 'a model')
  const forms = new Set(rows.forms.map(({ sha256 }) => sha256))
  need(
    rows.forms.every(({ sha256, text }) => sha256Hex(text) === sha256),
    'the form of a task',
  )
  need(distinct(rows.tasks.map((task) => task.id)) && distinct(study.decisions.map(({ site }) => site)), 'a task')
  for (const task of rows.tasks)
    need(task.id === taskId(id, task.kind, { number: task.round, site: task.site }) && forms.has(task.form), 'a task')
  need(
    rows.events.every(({ study: of, kind }) => of === id && !kind.startsWith('site.')),
    'an event',
  )
  for (const { previous, hash, ...link } of rows.audit)
    need(linkHash({ ...link, body: link.body }, previous) === hash && isOf(link.body, id), 'an entry of the audit')
  return { row, rounds }
}

const startOf = ([first]: readonly RoundRow[]): string =>
  blobRefSchema.parse(JSON.parse(first?.weights_in ?? 'null')).sha256

const distinct = (names: readonly string[]): boolean => new Set(names).size === names.length

/** Both, of the plan's model. */
async function checkModel(held: BlobStore, row: StudyRow, { first, best }: ReadStudy): Promise<void> {
  if (row.preparation === null) throw unfit(studyFileWords.disagrees('a model'))
  const width = preparedInputs(preparationSchema.parse(JSON.parse(row.preparation)))
  const { shared } = splitSpecs(readPlan(row.plan).study.model, width)
  for (const weights of [first, best]) await checkWeights(held, shared, weights)
}
