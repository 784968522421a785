/** The file of a study, read as a stranger's: in order, within limits, each member as its form and its digest say, all as the signature says. */
import { createHash, type Hash } from 'node:crypto'
import { WardroundError } from '@wardround/core/errors.ts'
import { parseJson } from '@wardround/core/json.ts'
import type { Ed25519 } from '@wardround/core/ports.ts'
import { verify } from '@wardround/core/protocol/signing.ts'
import {
  bestName,
  firstName,
  givenName,
  type Member,
  manifestName,
  memberName,
  type RowKind,
  rowKinds,
  rowSchemas,
  type StudyManifest,
  type StudyMember,
  signedManifestSchema,
  studyManifestSchema,
  studyMemberSchema,
  studyName,
} from '@wardround/core/protocol/study-file.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import { studyFileWords } from '@wardround/core/words/en/study-file.ts'
import type { z } from 'zod'
import type { BlobStore } from '../blobs/blob-store.ts'
import { taking } from './tar.ts'

type Row<K extends RowKind> = z.output<(typeof rowSchemas)[K]>
export type ReadStudy = {
  readonly manifest: StudyManifest
  readonly study: StudyMember
  readonly rows: { readonly [K in RowKind]: readonly Row<K>[] }
  readonly given?: BlobRef
  readonly first: BlobRef
  readonly best: BlobRef
}

/** What is not weights: of each member, and of all together. */
const textLimits = { memberBytes: 64 << 20, allBytes: 512 << 20 }

export const unfit = (problem: string): WardroundError => new WardroundError('WR_STUDY_FILE', { problem })

type Reading = {
  readonly blobs: Pick<BlobStore, 'writer'>
  readonly ed25519: Ed25519
  readonly limits?: typeof textLimits
}

/** Weights become blobs as they come. Errors: WR_STUDY_FILE; WR_VERSION for one of a later form. */
export async function readStudyFile(
  pieces: AsyncIterable<Uint8Array>,
  { blobs, ed25519, limits = textLimits }: Reading,
): Promise<ReadStudy> {
  const archive = membersOf(pieces, limits)
  const study = await archive.json(studyName, studyMemberSchema)
  const rows: Record<RowKind, object[]> = { rounds: [], forms: [], tasks: [], events: [], audit: [] }
  for (const kind of rowKinds)
    for (let number = 1; (await archive.next()) === memberName(kind, number); number++)
      for (const row of await archive.lines(memberName(kind, number), rowSchemas[kind])) rows[kind].push(row)
  const given = (await archive.next()) === givenName ? { given: await archive.blob(givenName, blobs) } : {}
  const first = await archive.blob(firstName, blobs)
  const best = await archive.blob(bestName, blobs)
  const members = [...archive.read]
  const signed = await archive.json(manifestName, signedManifestSchema)
  if (!(await archive.ended())) throw unfit(studyFileWords.more())
  const manifest = manifestOf(signed.document)
  const claim = { context: 'wardround-study-v1', ...signed } as const
  if (!verify(ed25519, manifest.coordinatorKey, claim)) throw unfit(studyFileWords.signature())
  requireSame(members, manifest.members)
  return { manifest, study, rows: rows as unknown as ReadStudy['rows'], ...given, first, best }
}

function manifestOf(document: string): StudyManifest {
  const value = jsonIn(manifestName, document)
  const later = typeof value === 'object' && value !== null && 'version' in value ? Number(value.version) : 1
  if (later > 1) throw new WardroundError('WR_VERSION', { theirs: `study file ${later}`, ours: 'study file 1' })
  return formed(manifestName, studyManifestSchema, value)
}

function requireSame(found: readonly Member[], said: readonly Member[]): void {
  for (const [index, member] of found.entries()) {
    const { name, sizeBytes, sha256 } = said[index] ?? {}
    if (name !== member.name || sizeBytes !== member.sizeBytes || sha256 !== member.sha256)
      throw unfit(studyFileWords.digest(member.name))
  }
  if (said.length > found.length) throw unfit(studyFileWords.digest(said[found.length]?.name ?? ''))
}

function jsonIn(name: string, text: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    throw new WardroundError('WR_STUDY_FILE', { problem: studyFileWords.form(name, 'JSON') }, { cause: error })
  }
}

function formed<S extends z.ZodType>(name: string, schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw unfit(studyFileWords.form(name, (parsed.error.issues[0]?.path ?? []).map(String).join('.').slice(0, 100)))
}

/** The archive's members, which are asked for by name, in order. */
function membersOf(pieces: AsyncIterable<Uint8Array>, { memberBytes, allBytes }: typeof textLimits) {
  const bytes = taking(pieces)
  const read: Member[] = []
  let head: { readonly name: string; readonly sizeBytes: number } | undefined
  let textBytes = 0
  const next = async (): Promise<string> => {
    head ??= await bytes.header()
    if (head === undefined) throw unfit(studyFileWords.torn())
    return head.name
  }
  /** `take` takes all of it. */
  const member = async <T>(name: string, take: (sizeBytes: number, hash: Hash) => Promise<T>): Promise<T> => {
    if ((await next()) !== name) throw unfit(studyFileWords.order((await next()).slice(0, 100)))
    const { sizeBytes } = head ?? { sizeBytes: 0 }
    const hash = createHash('sha256')
    const taken = await take(sizeBytes, hash)
    await bytes.skipPadding(sizeBytes)
    read.push({ name, sizeBytes, sha256: hash.digest('hex') })
    head = undefined
    return taken
  }
  const text = (name: string): Promise<string> =>
    member(name, async (sizeBytes, hash) => {
      textBytes += sizeBytes
      if (sizeBytes > memberBytes || textBytes > allBytes) throw unfit(studyFileWords.tooLarge(name))
      const whole = await bytes.whole(sizeBytes)
      hash.update(whole)
      return utf8(name, whole)
    })
  return {
    read,
    next,
    json: async <S extends z.ZodType>(name: string, schema: S): Promise<z.output<S>> =>
      formed(name, schema, jsonIn(name, await text(name))),
    lines: async <S extends z.ZodType>(name: string, schema: S): Promise<z.output<S>[]> => {
      const lines = (await text(name)).split('\n')
      if (lines.pop() !== '') throw unfit(studyFileWords.form(name, 'JSON'))
      return lines.map((line) => formed(name, schema, jsonIn(name, line)))
    },
    blob: (name: string, blobs: Reading['blobs']): Promise<BlobRef> =>
      member(name, async (sizeBytes, hash) => {
        const writer = await blobs.writer()
        try {
          for await (const piece of bytes.some(sizeBytes)) {
            hash.update(piece)
            await writer.write(piece)
          }
          return await writer.finish()
        } catch (error) {
          await writer.abort().catch(() => undefined)
          throw error
        }
      }),
    ended: async (): Promise<boolean> => head === undefined && (await bytes.header()) === undefined && bytes.ended(),
  }
}

function utf8(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new WardroundError('WR_STUDY_FILE', { problem: studyFileWords.form(name, 'UTF-8') }, { cause: error })
  }
}
