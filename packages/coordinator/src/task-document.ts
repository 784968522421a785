/**
 * What the coordinator itself reads in the documents that it has signed. The tasks of a round say the same to a thousand sites, each of which asks
 * for its own several times: documents of one form are read once.
 */
import { taskSchema } from '@wardround/core/protocol/task.ts'
import { z } from 'zod'
import type { FormedTask } from './store/schema.ts'

export const lifeSchema = z.looseObject({ issuedAt: z.int(), expiresAt: z.int() })

/** Digests of the blobs that a site needs for a task. */
export function weightsOf(document: string): string[] {
  const task = taskSchema.parse(JSON.parse(document))
  const common = task.kind === 'train' ? task.correction?.common : undefined
  return [...('weights' in task ? [task.weights.sha256] : []), ...(common === undefined ? [] : [common.sha256])]
}

/** Nothing that tells one site's task from another's. */
export type CommonFacts = { readonly expiresAt: number; readonly weights: readonly string[] }

/** By the digest of the form, whose facts can never change. */
const recent = new Map<string, CommonFacts>()
/** In use at one time; a strategy may give each site of a round a form of its own. */
const recentLimit = 10_000

export function commonFacts({ form, document }: Pick<FormedTask, 'form' | 'document'>): CommonFacts {
  const known = recent.get(form)
  if (known !== undefined) return known
  const { expiresAt } = lifeSchema.parse(JSON.parse(document))
  const read = { expiresAt, weights: weightsOf(document) }
  if (recent.size >= recentLimit) recent.clear()
  recent.set(form, read)
  return read
}
