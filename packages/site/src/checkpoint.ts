/**
 * How far the training of a task has come, in a file of the study's folder: a site that is killed or stopped goes on from there, to the same bits. It is of one task with its plan, weights and
 * records, by a digest of them all; a digest of its own says whether it is what was written. Whatever it is not, training starts anew: nothing depends on it.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { asWardroundError } from '@wardround/core/errors.ts'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import type { Task } from '@wardround/core/protocol/task.ts'
import { firstNotFinite } from '@wardround/core/vector.ts'
import { dimensionOf, sizeOf, type TensorSpec, type Weights } from '@wardround/core/weights.ts'
import { siteWords } from '@wardround/core/words/en/site.ts'
import { z } from 'zod'
import type { SiteContext } from './context.ts'
import { guarded, readWhole, remove } from './files.ts'
import { letGo } from './memory.ts'
import type { CheckpointForm, Checkpoints, Passing } from './training/checkpoints.ts'
import { digestOf } from './training/datasets-there.ts'
import type { Checkpoint, Dataset } from './training/messages.ts'

type Place = Pick<SiteContext, 'disk' | 'folder'>

const pathOf = ({ folder }: Place, study: string): string => join(folder, 'studies', study, 'checkpoint')

/** A line of JSON; then the values of what is carried; then a SHA-256 of both. */
const headerSchema = z.strictObject({ of: z.string(), done: z.int().min(1), losses: z.array(z.number()) })
const digestBytes = 32

export type TaskOf = {
  readonly task: Task
  /** What it trains on. */
  readonly data: Dataset
}

/** Of the training of a task. */
export function taskCheckpoints(
  site: Place & Pick<SiteContext, 'log' | 'version'>,
  { task, data }: TaskOf,
): Checkpoints {
  const { disk, log, version } = site
  const path = pathOf(site, task.study)
  let known: string | undefined
  /** Large records take a while: not before somebody needs it. Another version may count in another order. */
  const of = (): string => {
    known ??= createHash('sha256')
      .update(canonicalJson({ task, version, data: digestOf(data) }))
      .digest('hex')
    return known
  }
  const lost = (error: unknown): void => log('warn', siteWords.noCheckpoint(asWardroundError(error).sentences.what))
  return {
    find(form) {
      try {
        if (disk.sizeBytes(path) === undefined) return undefined
        const found = checkpointIn(readWhole(disk, path), of(), form)
        if (found === undefined) remove(disk, path)
        else log('info', siteWords.goesOn(found.done, form.parts))
        return found
      } catch (error) {
        lost(error)
        return undefined
      }
    },
    async keep(checkpoint) {
      try {
        await write(site, path, { of: of(), ...checkpoint })
      } catch (error) {
        lost(error)
        removeQuietly(site, unfinished(path))
        throw error
      }
    },
  }
}

/** Of a study, if there is one, and one that a crash has left half written: its training is over. */
export function dropCheckpoint(site: Place, study: string): void {
  const path = pathOf(site, study)
  for (const name of [path, unfinished(path)]) removeQuietly(site, name)
}

/** What cannot be removed is found to be another task's before it is taken for one's own. */
function removeQuietly({ disk }: Place, path: string): void {
  try {
    if (disk.sizeBytes(path) !== undefined) disk.remove(path)
  } catch {
    // It takes room, and nothing else.
  }
}

const unfinished = (path: string): string => `${path}.new`

/** In the place of the one before once it is whole, and durably: a power cut leaves the one or the other. */
async function write(
  { disk }: Place,
  path: string,
  { of, done, losses, values }: Passing & { readonly of: string },
): Promise<void> {
  const hash = createHash('sha256')
  const half = unfinished(path)
  const header = Buffer.from(`${JSON.stringify({ of, done, losses })}\n`)
  hash.update(header)
  guarded(path, () => disk.write(half, [header], { durably: false }))
  for await (const piece of values()) {
    hash.update(piece)
    guarded(path, () => disk.append(half, piece, { durably: false }))
  }
  guarded(path, () => {
    disk.append(half, hash.digest(), { durably: true })
    disk.rename(half, path)
  })
}

/** Undefined for what was torn, damaged, or is of something else. */
function checkpointIn(
  bytes: Uint8Array<ArrayBuffer> | undefined,
  of: string,
  { parts, specs }: CheckpointForm,
): Checkpoint | undefined {
  if (bytes === undefined || bytes.length < digestBytes) return undefined
  const content = bytes.subarray(0, -digestBytes)
  if (createHash('sha256').update(content).digest('hex') !== bytes.subarray(-digestBytes).toHex()) return undefined
  const end = content.indexOf(10)
  const header = headerSchema.safeParse(JSON.parse(Buffer.from(content.subarray(0, end)).toString())).data
  if (header?.of !== of || header.done >= parts || header.losses.length !== header.done) return undefined
  const values = content.subarray(end + 1)
  if (values.length !== 4 * dimensionOf(specs)) return undefined
  const { done, losses } = header
  const carried = tensorsIn(values, specs)
  letGo([bytes])
  return carried.some(({ data }) => firstNotFinite(data) >= 0) ? undefined : { done, losses, carried }
}

/** Each in memory of its own. */
function tensorsIn(values: Uint8Array<ArrayBuffer>, specs: readonly TensorSpec[]): Weights {
  let at = 0
  return specs.map(({ name, shape }) => {
    const data = new Float32Array(values.slice(at, at + 4 * sizeOf(shape)).buffer)
    at += data.byteLength
    return { name, shape, data }
  })
}
