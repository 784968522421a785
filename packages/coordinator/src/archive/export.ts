/** A study on its way out, member by member: what is in memory is some rows, or a piece of weights. */
import { createHash } from 'node:crypto'
import { WardroundError } from '@wardround/core/errors.ts'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import type { ChainEntry } from '@wardround/core/protocol/chain.ts'
import type { StoredEvent } from '@wardround/core/protocol/events.ts'
import { sign } from '@wardround/core/protocol/signing.ts'
import {
  bestName,
  firstName,
  givenName,
  type Member,
  manifestName,
  memberName,
  type RowKind,
  rowKinds,
  type StudyManifest,
  type StudyMember,
  studyName,
} from '@wardround/core/protocol/study-file.ts'
import { type BlobRef, blobRefSchema } from '@wardround/core/protocol/task.ts'
import type { Context } from '../context.ts'
import { givenWeights } from '../first-weights.ts'
import { mend } from '../mending.ts'
import { bestWeights } from '../results.ts'
import { studyOf } from '../running.ts'
import type { FormRow, StudyRow, TaskRecord } from '../store/schema.ts'
import { endOfArchive, headerOf, paddingOf } from './tar.ts'

/** A round names each of its sites, of which there may be a thousand. */
const rowsAtOnce = { rounds: 20, forms: 50, tasks: 1000, events: 500, audit: 500 } as const satisfies Record<
  RowKind,
  number
>

export type Weights = { readonly given?: BlobRef; readonly first: BlobRef; readonly best: BlobRef }

/** Those that are kept of an ended study, whole. Errors: WR_BLOB_MISSING. */
export async function wholeWeights(context: Context, row: StudyRow): Promise<Weights> {
  const rounds = await context.store.rounds(row.id)
  const given = givenWeights(studyOf(row))
  const weights = {
    ...(given === undefined ? {} : { given }),
    first: blobRefSchema.parse(JSON.parse(rounds[0]?.weights_in ?? 'null')),
    best: bestWeights(rounds, row.best_round),
  }
  for (const { sha256 } of Object.values(weights))
    if ((await mend(context, { sha256 })) === 'lost') throw new WardroundError('WR_BLOB_MISSING', { sha256 })
  return weights
}

/** The bytes of the file. */
export async function* studyFile(
  context: Context,
  { row, weights, version }: { row: StudyRow; weights: Weights; version: string },
): AsyncGenerator<Uint8Array> {
  const members: Member[] = []
  async function* member(name: string, sizeBytes: number, pieces: AsyncIterable<Uint8Array> | Uint8Array[]) {
    yield headerOf(name, sizeBytes)
    const hash = createHash('sha256')
    for await (const piece of pieces) {
      hash.update(piece)
      yield piece
    }
    yield paddingOf(sizeBytes)
    members.push({ name, sizeBytes, sha256: hash.digest('hex') })
  }
  const text = (name: string, content: string) => {
    const bytes = Buffer.from(content)
    return member(name, bytes.length, [bytes])
  }
  yield* text(studyName, JSON.stringify(await studyMember(context, row)))
  for (const kind of rowKinds) {
    let number = 0
    for await (const rows of pages(context, row.id, kind)) {
      number += 1
      yield* text(memberName(kind, number), rows.map((each) => `${JSON.stringify(each)}\n`).join(''))
    }
  }
  for (const [name, { sha256, sizeBytes }] of [
    ...(weights.given === undefined ? [] : [[givenName, weights.given] as const]),
    [firstName, weights.first],
    [bestName, weights.best],
  ] as const) {
    yield* member(name, sizeBytes, context.blobs.stream(sha256))
    if (members.at(-1)?.sha256 !== sha256) throw new WardroundError('WR_BLOB_MISSING', { sha256 })
  }
  const manifest: StudyManifest = {
    wardround: 'study',
    version: 1,
    madeBy: version,
    madeAt: new Date(context.clock.now()).toISOString(),
    study: row.id,
    coordinatorKey: context.keys.publicKey,
    members,
  }
  const document = canonicalJson(manifest)
  const signed = { document, signature: sign(context.keys, 'wardround-study-v1', document) }
  yield* text(manifestName, JSON.stringify(signed))
  yield endOfArchive
}

async function studyMember({ store }: Context, row: StudyRow): Promise<StudyMember> {
  const { id, plan, offer_signature, invited, attempt, preparation, findings } = row
  const { best_round, stop_requested, published_at, started_at, ended_at, results } = row
  const decisions = (await store.decisions(id)).map(({ study: _, ...rest }) => rest)
  const before = { id, plan, offer_signature, invited, attempt, preparation, findings }
  return {
    ...before,
    best_round,
    stop_requested,
    published_at,
    started_at,
    ended_at,
    results: results ?? '',
    decisions,
  }
}

type Rows = readonly object[]

async function* pages({ store }: Context, study: string, kind: RowKind): AsyncGenerator<Rows> {
  const limit = rowsAtOnce[kind]
  switch (kind) {
    case 'rounds': {
      const rows = (await store.rounds(study)).map(({ study: _, ...rest }) => rest)
      for (let at = 0; at < rows.length; at += limit) yield rows.slice(at, at + limit)
      return
    }
    case 'forms':
      return yield* following<FormRow>((after) => store.studyForms(study, { after: after?.sha256 ?? '', limit }))
    case 'tasks':
      for await (const rows of following<TaskRecord>((after) =>
        store.taskRecords(study, { after: after?.id ?? '', limit }),
      ))
        yield rows.map(({ study: _, ...rest }) => rest)
      return
    case 'events':
      return yield* following<StoredEvent>((after) => store.events({ after: after?.sequence ?? 0, study, limit }))
    case 'audit':
      for await (const entries of following<ChainEntry>((after) => store.auditEntries(after?.sequence ?? 0, limit))) {
        const own = entries.filter(({ body }) => isOf(body, study))
        if (own.length > 0) yield own
      }
  }
}

/** Whether an entry's body says that it is about the study. */
export const isOf = (body: unknown, study: string): boolean =>
  typeof body === 'object' && body !== null && 'study' in body && body.study === study

/** Page after page, each behind the last row of the one before. */
async function* following<Row>(
  page: (after: Row | undefined) => Promise<readonly Row[]>,
): AsyncGenerator<readonly Row[]> {
  for (let last: Row | undefined; ; ) {
    const rows = await page(last)
    if (rows.length === 0) return
    yield rows
    last = rows.at(-1)
  }
}
