/**
 * A coordinator for tests, small enough to read: it checks proofs, signs whatever it is told to (honest or not), and can lose
 * requests and answers. The real one cannot be used here, because site and coordinator do not know each other.
 */
import { createHash } from 'node:crypto'
import { asWardroundError, type ErrorCode, WardroundError } from '@wardround/core/errors.ts'
import type { Clock, HttpRequest, HttpResponse, Network } from '@wardround/core/ports.ts'
import { atWorkHeader, atWorkIn } from '@wardround/core/protocol/at-work.ts'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import { holdsHeader } from '@wardround/core/protocol/enclosed.ts'
import { parseProof, proofHolds, proofWindowMs } from '@wardround/core/protocol/proof.ts'
import { routes } from '@wardround/core/protocol/routes.ts'
import { type Signed, sign, verify } from '@wardround/core/protocol/signing.ts'
import {
  type BlobRef,
  type Grant,
  grantSchema,
  reportSchema,
  type Task,
  type TaskResult,
} from '@wardround/core/protocol/task.ts'
import { encodeToken } from '@wardround/core/protocol/token.ts'
import { updateFacts } from '@wardround/core/protocol/update.ts'
import { parseHeader } from '@wardround/core/safetensors.ts'
import { ed25519, newKeys } from './keys.ts'

/** What befalls a request: lost before it arrives, or its answer lost after it took effect, or another answer instead. */
export type Fault = 'lose request' | 'lose answer' | { readonly status: number; readonly body: string }

export type Heard = { readonly method: string; readonly path: string; readonly sizeBytes: number }

export type FakeOptions = {
  readonly clock: Clock
  /** How far the coordinator's clock is ahead of `clock`. */
  readonly aheadMs?: number
}

export type FakeCoordinator = Awaited<ReturnType<typeof fakeCoordinator>>

export async function fakeCoordinator({ clock, aheadMs = 0 }: FakeOptions) {
  const state = await newState(() => clock.steadyNow() + aheadMs)
  const network: Network = {
    async send(request) {
      if (request.signal?.aborted) throw new WardroundError('WR_CANCELLED')
      const { method, path, body } = request
      const fault = state.fault?.({ method, path, sizeBytes: body?.length ?? 0 })
      if (fault === 'lose request') throw lineCut()
      if (typeof fault === 'object') return answer(fault.status, fault.body)
      state.heard.push({ method, path, sizeBytes: body?.length ?? 0 })
      const response = await respond(state, request, clock)
      if (fault === 'lose answer') throw lineCut()
      return response
    },
  }
  return {
    network,
    /** Everything that a test may look at or change. */
    state,
    publicKey: state.keys.publicKey,
    token: (site: string): string =>
      encodeToken('join', {
        url: 'https://fake',
        secret: state.secret,
        name: site,
        coordinatorKey: state.keys.publicKey,
      }),
    async offer({ study, planHash, plan }: { study: string; planHash: string; plan: Record<string, unknown> }) {
      state.offers.push(await signed(state, 'wardround-offer-v1', { version: 1, study, planHash, plan }))
    },
    /** Keeps bytes under their digest. */
    blob(bytes: Uint8Array): BlobRef {
      const sha256 = sha256Hex(bytes)
      state.blobs.set(sha256, bytes)
      return { sha256, sizeBytes: bytes.length }
    },
    /** Signs a task and makes it the next one. `change` alters the signed text afterwards. */
    async give(task: Task, change: (given: Signed) => Signed = (given) => given): Promise<void> {
      state.tasks.push({ id: task.id, ...change(await signed(state, 'wardround-task-v1', task)) })
    },
  }
}

const chunkBytes = 1000

const sha256Hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const lineCut = (): WardroundError =>
  new WardroundError('WR_UNREACHABLE', { url: 'https://fake', reason: 'the line is cut' })

type Given = Signed & { readonly id: string }

async function newState(now: () => number) {
  return {
    now,
    keys: newKeys(),
    secret: 'A'.repeat(43),
    sites: new Map<string, string>(),
    nonces: new Set<string>(),
    offers: [] as Signed[],
    grants: [] as Grant[],
    tasks: [] as Given[],
    results: new Map<string, TaskResult>(),
    staged: new Map<string, Uint8Array>(),
    blobs: new Map<string, Uint8Array>(),
    /** Wanted no more: whoever brings a result is told so, and whoever listens, if this one does. */
    closed: new Set<string>(),
    listens: false,
    /** What comes with each task, to whoever takes it. */
    enclosed: undefined as string | undefined,
    heard: [] as Heard[],
    /** Every download breaks off after so many bytes. */
    cutAfterBytes: undefined as number | undefined,
    fault: undefined as ((request: Heard) => Fault | undefined) | undefined,
  }
}
type State = Awaited<ReturnType<typeof newState>>

async function signed(state: State, context: 'wardround-offer-v1' | 'wardround-task-v1', content: unknown) {
  const document = canonicalJson(content)
  return { document, signature: sign(state.keys, context, document) }
}

async function respond(state: State, request: HttpRequest, clock: Clock): Promise<HttpResponse> {
  try {
    const { pathname, searchParams } = new URL(request.path, 'https://fake')
    const site = pathname.startsWith('/v1/site/') ? await prove(state, request) : ''
    const found = await serve(state, { request, pathname, searchParams, site, clock })
    if (!(found instanceof Uint8Array)) return answer(200, JSON.stringify(found))
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    return stream(start > 0 ? 206 : 200, found.subarray(start), state.cutAfterBytes)
  } catch (error) {
    return failure(state, asWardroundError(error))
  }
}

function failure(state: State, error: WardroundError): HttpResponse {
  const { code, parameters, retry, status } = error
  const body = { code, parameters, message: code, retry, requestId: 'r', nowMs: state.now() }
  return answer(status, JSON.stringify({ error: body }))
}

/** The body of an error answer, for a fault. */
export const errorBody = (code: ErrorCode, nowMs: number): string =>
  JSON.stringify({ error: { code, parameters: {}, message: code, retry: 'permanent', requestId: 'r', nowMs } })

const answer = (status: number, text: string): HttpResponse => stream(status, new TextEncoder().encode(text))

function stream(status: number, bytes: Uint8Array, cutAfterBytes = Number.POSITIVE_INFINITY): HttpResponse {
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      if (at >= cutAfterBytes) throw lineCut()
      yield bytes.subarray(at, at + chunkBytes)
    }
  }
  return { status, headers: { 'content-length': String(bytes.length) }, body: body() }
}

async function prove(state: State, { method, path, headers, body }: HttpRequest): Promise<string> {
  const proof = parseProof(headers.authorization ?? '')
  const publicKey = state.sites.get(proof?.site ?? '')
  if (proof === undefined || publicKey === undefined) throw new WardroundError('WR_PROOF_INVALID')
  const subject = { method, path, audience: state.keys.publicKey }
  const whole = proof.bodySha256 === sha256Hex(body ?? new Uint8Array())
  if (!whole || !proofHolds(ed25519, proof, { subject, publicKey })) throw new WardroundError('WR_PROOF_INVALID')
  const skewMs = proof.time - state.now()
  if (Math.abs(skewMs) > proofWindowMs) throw new WardroundError('WR_PROOF_CLOCK', { skewMs })
  if (state.nonces.has(proof.nonce)) throw new WardroundError('WR_PROOF_REPLAYED')
  state.nonces.add(proof.nonce)
  return proof.site
}

type Asked = {
  readonly request: HttpRequest
  readonly pathname: string
  readonly searchParams: URLSearchParams
  readonly site: string
  readonly clock: Clock
}

async function serve(state: State, asked: Asked): Promise<object> {
  const { request, pathname, searchParams, site } = asked
  switch (`${request.method} ${pathname}`) {
    case 'GET /health':
      return { status: 'ok', version: '0.1.0', nowMs: state.now() }
    case 'POST /v1/join':
      return join(state, json(request))
    case 'POST /v1/site/leave':
      state.sites.delete(site)
      return {}
    case 'GET /v1/site/offers':
      return { offers: state.offers.map((offer) => ({ ...offer, decision: decisionOn(state, offer, site) })) }
    case 'POST /v1/site/decisions':
      return decide(state, json(request), site)
    case 'GET /v1/site/task':
      return nextTask(state, Number(searchParams.get('wait') ?? 0), asked)
    default:
      return serveParts(state, asked)
  }
}

function join(state: State, body: unknown): object {
  const { site, secret, publicKey } = routes.join.body.parse(body)
  if (secret !== state.secret) throw new WardroundError('WR_TOKEN_INVALID', { problem: 'unknown', kind: 'join' })
  if (state.sites.has(site)) throw new WardroundError('WR_TOKEN_USED', { site })
  state.sites.set(site, publicKey)
  return { site, coordinatorKey: state.keys.publicKey, version: '0.1.0', nowMs: state.now() }
}

const decisionOn = (state: State, { document }: Signed, site: string): Grant['decision'] | null =>
  state.grants.findLast((grant) => grant.site === site && document.includes(grant.planHash))?.decision ?? null

async function decide(state: State, body: unknown, site: string): Promise<object> {
  const given = routes.decide.body.parse(body)
  if (!verify(ed25519, state.sites.get(site) ?? '', { context: 'wardround-grant-v1', ...given }))
    throw new WardroundError('WR_SIGNATURE_INVALID', { what: 'the decision' })
  state.grants.push(grantSchema.parse(JSON.parse(given.document)))
  return {}
}

/** Tasks stay open until their result is in, as at the real coordinator. */
async function nextTask(state: State, waitSeconds: number, { request, pathname, clock }: Asked): Promise<object> {
  const atWork = state.listens ? atWorkIn(request.headers[atWorkHeader] ?? '') : undefined
  const look = () => {
    const open = state.tasks.filter(({ id }) => !state.results.has(id) && !state.closed.has(id))
    const own = (id: string): boolean => atWork?.tasks.includes(id) === true
    const busy = open.filter(({ id }) => own(id)).map(studyOf)
    const found = atWork?.room === 0 ? undefined : open.find((task) => !busy.includes(studyOf(task)))
    const closed = pathname.endsWith('/task')
      ? (atWork?.tasks ?? []).filter((id) => !open.some((task) => task.id === id))
      : []
    return { found, closed }
  }
  const isNothing = ({ found, closed }: ReturnType<typeof look>): boolean => found === undefined && closed.length === 0
  if (isNothing(look()) && waitSeconds > 0) await clock.sleep(waitSeconds * 1000, request.signal)
  const { found, closed } = look()
  const enclosed = request.headers[holdsHeader] === undefined ? undefined : state.enclosed
  return {
    task: found === undefined ? null : { document: found.document, signature: found.signature },
    ...(found === undefined || enclosed === undefined ? {} : { enclosed }),
    ...(closed.length === 0 ? {} : { closed }),
  }
}

/** '' where it is no task. */
function studyOf({ document }: Signed): string {
  try {
    return String(JSON.parse(document).study)
  } catch {
    return ''
  }
}

async function serveParts(state: State, asked: Asked): Promise<object> {
  const { request, pathname, searchParams } = asked
  const blob = /^\/v1\/site\/blobs\/([0-9a-f]{64})$/.exec(pathname)?.[1]
  if (blob !== undefined) return blobOf(state, blob)
  const [, id, part] = /^\/v1\/site\/tasks\/([a-z0-9-]+)\/(update|result|progress)$/.exec(pathname) ?? []
  if (id === undefined || !state.tasks.some((task) => task.id === id))
    throw new WardroundError('WR_NOT_FOUND', { what: 'task', name: id ?? pathname })
  if (part === 'progress') return {}
  const wait = Number(searchParams.get('wait') ?? 0)
  if (part === 'result') {
    settle(state, id, reportSchema.parse(json(request)))
    return nextTask(state, wait, asked)
  }
  const before = state.staged.get(id) ?? new Uint8Array()
  if (request.method === 'GET') return { receivedBytes: before.length }
  const update = { sha256: searchParams.get('sha256') ?? '', sizeBytes: Number(searchParams.get('sizeBytes')) }
  const offset = Number(searchParams.get('offset'))
  const piece = request.body ?? new Uint8Array()
  if (offset > before.length) throw new WardroundError('WR_UPLOAD_OFFSET', { receivedBytes: before.length })
  const after = offset + piece.length > before.length ? joined(before.subarray(0, offset), piece) : before
  state.staged.set(id, after)
  if (after.length < update.sizeBytes) return { receivedBytes: after.length, task: null }
  if (sha256Hex(after) !== update.sha256) throw new WardroundError('WR_DIGEST_MISMATCH', { what: 'the update' })
  settle(state, id, { kind: 'train', update, ...updateFacts(parseHeader(after, after.length)) })
  return { receivedBytes: after.length, ...(await nextTask(state, wait, asked)) }
}

function blobOf(state: State, sha256: string): Uint8Array {
  const bytes = state.blobs.get(sha256)
  if (bytes === undefined) throw new WardroundError('WR_BLOB_MISSING', { sha256 })
  return bytes
}

/** The same again changes nothing, another one is refused. */
function settle(state: State, id: string, result: TaskResult): void {
  const known = state.results.get(id) ?? result
  if (state.closed.has(id) || canonicalJson(known) !== canonicalJson(result))
    throw new WardroundError('WR_TASK_CLOSED', { task: id })
  state.results.set(id, result)
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length)
  whole.set(a)
  whole.set(b, a.length)
  return whole
}

const json = ({ body }: HttpRequest): unknown => JSON.parse(new TextDecoder().decode(body))
