/**
 * Nothing leaves that its site's journal does not know, durably, before; and no result of a study but under the grant that the hospital has given,
 * and not taken back.
 */
import { createHash } from 'node:crypto'
import type { HttpRequest } from '@wardround/core/ports.ts'
import { grantSchema } from '@wardround/core/protocol/task.ts'
import { must } from './check.ts'

export type WireOptions = {
  readonly site: string
  /** The site's journal as no power cut can take it away. */
  readonly journal: () => Uint8Array | undefined
  /** The signed grant as the site's own file has it; undefined where there is none. */
  readonly grant: () => Uint8Array | undefined
  readonly planHash: string
}

/** To be called with each request as it leaves. */
export function wireIsKnown({ site, journal, grant, planHash }: WireOptions): (request: HttpRequest) => void {
  /** What left, and how often. */
  const left = new Map<string, number>()
  const seen = reader(journal)
  return ({ method, path, body }) => {
    if (body === undefined) return
    const name = `${method} ${path} ${createHash('sha256').update(body).digest('hex')}`
    const times = (left.get(name) ?? 0) + 1
    left.set(name, times)
    must(
      seen(name) >= times,
      'wire',
      () => `${site} sends ${name} for the ${times}th time, and its journal knows ${seen(name)}`,
    )
    if (!isResult(path, body)) return
    must(isGranted(grant(), planHash), 'wire', () => `${site} sends a result without a grant: ${method} ${path}`)
  }
}

/** An update, or a report of anything but a failure. */
const isResult = (path: string, body: Uint8Array): boolean =>
  /^\/v1\/site\/tasks\/[^/]+\/(?:update|result)/.test(path) &&
  !Buffer.from(body).toString('latin1').startsWith('{"kind":"failed"')

function isGranted(file: Uint8Array | undefined, planHash: string): boolean {
  if (file === undefined) return false
  const { document } = JSON.parse(Buffer.from(file).toString('utf8')) as { document: string }
  const grant = grantSchema.parse(JSON.parse(document))
  return grant.decision === 'approved' && grant.planHash === planHash
}

type Released = { kind: string; body: { method: string; path: string; sha256: string } }

/** How often the journal says that something was released. It only grows (chains.ts): each line is read once. */
function reader(journal: () => Uint8Array | undefined): (name: string) => number {
  const released = new Map<string, number>()
  let readBytes = 0
  return (name) => {
    const bytes = journal() ?? new Uint8Array()
    const end = bytes.lastIndexOf(0x0a) + 1
    for (const line of Buffer.from(bytes.subarray(readBytes, Math.max(end, readBytes)))
      .toString('utf8')
      .split('\n')) {
      if (line === '') continue
      const { kind, body } = JSON.parse(line) as Released
      const key = `${body.method} ${body.path} ${body.sha256}`
      if (kind === 'released') released.set(key, (released.get(key) ?? 0) + 1)
    }
    readBytes = Math.max(end, readBytes)
    return released.get(name) ?? 0
  }
}
