/** Small weights with the task that names them (core/protocol/enclosed.ts), for a site that takes them and has others. */
import { enclosedLimitBytes, holdsHeader } from '@wardround/core/protocol/enclosed.ts'
import type { Context } from './context.ts'
import type { Caller } from './handlers.ts'
import type { FormedTask } from './store/schema.ts'
import { commonFacts } from './task-document.ts'

type Enclosed = { readonly enclosed?: string }

/** Texts that are kept: a round's weights are those of all its sites, and few studies are between two rounds at a time. */
const keptTexts = 32

export function enclosing({ blobs, bytesDown }: Pick<Context, 'blobs' | 'bytesDown'>) {
  const kept = new Map<string, { readonly text: string; readonly sizeBytes: number }>()
  const textOf = async (sha256: string) => {
    const known = kept.get(sha256)
    if (known !== undefined) return known
    if ((await blobs.size(sha256)) > enclosedLimitBytes) return undefined
    const bytes = await blobs.read(sha256)
    const made = { text: Buffer.from(bytes).toString('base64'), sizeBytes: bytes.length }
    if (kept.size >= keptTexts) kept.clear()
    kept.set(sha256, made)
    return made
  }
  return async (task: FormedTask, { name, headers }: Pick<Caller, 'name' | 'headers'>): Promise<Enclosed> => {
    const holds = headers[holdsHeader]
    const [sha256] = commonFacts(task).weights
    if (holds === undefined || sha256 === undefined || sha256 === holds) return {}
    // What is damaged is asked for by its name, and mended there.
    const found = await textOf(sha256).catch(() => undefined)
    if (found === undefined) return {}
    bytesDown.set(name, (bytesDown.get(name) ?? 0) + found.sizeBytes)
    return { enclosed: found.text }
  }
}
