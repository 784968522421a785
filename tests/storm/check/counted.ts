/** Each update counts at most once, in a round that it may count in; none that its site was thanked for is lost. */
import { collectingOf, latestOf } from '@wardround/core/learning/collecting.ts'
import type { HttpRequest } from '@wardround/core/ports.ts'
import { taskResultSchema } from '@wardround/core/protocol/task.ts'
import { type Check, must } from './check.ts'

/** `thanked`: tasks whose sites have heard that their result is there. */
export function countedOnce(thanked: ReadonlySet<string>): Check {
  const counted = new Map<string, number>()
  return ({ tasks, rounds, parsed }) => {
    const latest = latestOf(collectingOf(parsed.study))
    const bySite = new Set<string>()
    const byDigest = new Map<string, string>()
    for (const { id, site, kind, round, state, result, counted_in } of tasks) {
      const before = counted.get(id)
      must(
        before === undefined || counted_in === before,
        'counted',
        () => `${id} counted in ${before}, then ${counted_in}`,
      )
      must(!thanked.has(id) || state !== 'open', 'counted', () => `${id} was thanked for, and is open`)
      if (counted_in === null) continue
      must(kind === 'train' && state === 'reported', 'counted', () => `${id} counts, and is ${kind}, ${state}`)
      const stale = counted_in - round
      must(stale >= 0 && stale <= latest, 'counted', () => `${id} counts ${stale} rounds late`)
      must(counted_in <= rounds.length, 'counted', () => `${id} counts in a round that is not there`)
      const place = `${site} ${counted_in}`
      must(!bySite.has(place), 'counted', () => `two updates of ${site} count in round ${counted_in}`)
      bySite.add(place)
      const found = taskResultSchema.parse(JSON.parse(result ?? 'null'))
      must(found.kind === 'train', 'counted', () => `${id} counts, and is ${found.kind}`)
      const other = byDigest.get(found.update.sha256)
      must(other === undefined, 'counted', () => `the same update counts as ${other} and as ${id}`)
      byDigest.set(found.update.sha256, id)
      counted.set(id, counted_in)
    }
  }
}

/** The task whose whole result a request brings; undefined for any other request. */
export function settledBy({ method, path, body }: Pick<HttpRequest, 'method' | 'path' | 'body'>): string | undefined {
  const [, task, part, search = ''] = /^\/v1\/site\/tasks\/([^/]+)\/(update|result)(?:\?(.*))?$/.exec(path) ?? []
  if (task === undefined || method === 'GET') return undefined
  const query = new URLSearchParams(search)
  const last = Number(query.get('offset')) + (body?.length ?? 0) === Number(query.get('sizeBytes'))
  return part === 'result' || last ? task : undefined
}
