/** Calls of the coordinator's routes, typed: the same for a site (signed proofs) and an account (a bearer secret). */
import { createHash } from 'node:crypto'
import { base64urlnopad } from '@wardround/core/base64.ts'
import { remoteError, WardroundError } from '@wardround/core/errors.ts'
import { parseJson } from '@wardround/core/json.ts'
import type { Clock, Entropy, HttpResponse, Network } from '@wardround/core/ports.ts'
import { atWorkHeader } from '@wardround/core/protocol/at-work.ts'
import { enclosedSchema, holdsHeader, holdsNone } from '@wardround/core/protocol/enclosed.ts'
import { prove } from '@wardround/core/protocol/proof.ts'
import {
  errorAnswerSchema,
  pathOf,
  type RouteAnswer,
  type RouteInput,
  type RouteName,
  routes,
} from '@wardround/core/protocol/routes.ts'
import type { KeyPair, PublicKey } from '@wardround/core/protocol/signing.ts'
import { z } from 'zod'
import type { HeldBlob } from './held-blob.ts'
import { bytesOf } from './http.ts'

export type Identity =
  | { readonly kind: 'site'; readonly site: string; readonly keys: KeyPair; readonly coordinatorKey: PublicKey }
  | { readonly kind: 'account'; readonly secret: string }
  | { readonly kind: 'nobody' }

export type ClientOptions = {
  readonly network: Network
  readonly identity: Identity
  readonly clock: Clock
  readonly entropy: Entropy
  readonly version: string
  /** Where weights are kept that come with a task. Absent: it takes none. */
  readonly held?: Pick<HeldBlob, 'sha256' | 'take'>
  /** What it is at work on, as a head says it (protocol/at-work.ts); undefined where there is nothing to say. */
  readonly atWork?: () => string | undefined
  readonly onSend?: OnSend
}

/** Called with each body before its first byte leaves; throwing keeps it here. */
type OnSend = (request: {
  readonly name: RouteName
  readonly method: string
  readonly path: string
  readonly body: Uint8Array
  /** Of the body, in hexadecimal. */
  readonly sha256: string
}) => void

type CallOptions = {
  readonly signal?: AbortSignal
  /** The body as bytes, where it is none of JSON or is JSON already; and their digest, where it is known. */
  readonly bytes?: Uint8Array
  readonly sha256?: string
}

export type Client = {
  /** Errors: those of the route; WR_UNREACHABLE and its like after `tries` attempts. */
  call<N extends RouteName>(name: N, input?: Partial<RouteInput<N>>, options?: CallOptions): Promise<RouteAnswer<N>>
  /** Our best guess of the coordinator's clock, in milliseconds since the epoch. */
  coordinatorNow(): number
  /** A route that answers with bytes, from `start`. */
  download<N extends RouteName>(
    name: N,
    input: Partial<RouteInput<N>>,
    options?: { readonly start?: number; readonly signal?: AbortSignal },
  ): Promise<HttpResponse>
}

export const createClient = (options: ClientOptions): Client => clientLine(options)(options)

type Own = Pick<ClientOptions, 'atWork' | 'onSend'>

/** Clients with one clock, each with what it says, and tells of what leaves, for itself. */
export function clientLine(options: Omit<ClientOptions, keyof Own>): (own: Own) => Client {
  const offset: Offset = { ms: 0 }
  return (own) => clientOn({ ...options, ...own }, offset)
}

/** What to add to our clock to get the coordinator's. */
type Offset = { ms: number }

function clientOn(options: ClientOptions, offset: Offset): Client {
  const send = async (
    name: RouteName,
    prepared: Prepared,
    { signal, range }: { signal?: AbortSignal | undefined; range?: number },
  ): Promise<HttpResponse> => {
    const atWork = options.atWork?.()
    const headers: Record<string, string> = {
      'wardround-version': options.version,
      ...authorization(options, prepared, options.clock.steadyNow() + offset.ms),
      ...(prepared.body === undefined
        ? {}
        : { 'content-type': prepared.json ? 'application/json' : 'application/octet-stream' }),
      ...(range === undefined || range === 0 ? {} : { range: `bytes=${range}-` }),
      ...(options.held === undefined ? {} : { [holdsHeader]: options.held.sha256() ?? holdsNone }),
      ...(atWork === undefined ? {} : { [atWorkHeader]: atWork }),
    }
    const { method, path, body } = prepared
    if (body !== undefined) options.onSend?.({ name, method, path, body, sha256: prepared.sha256 })
    const response = await options.network.send({
      method,
      path,
      headers,
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    })
    if (response.status < 400) return response
    const error = await answeredError(response, `${routes[name].method} ${path}`)
    // What is wrong at the coordinator is no verdict on what a site brings.
    const theirs = options.identity.kind === 'site' && error.status >= 500 && error.retry === 'permanent'
    throw theirs ? new WardroundError('WR_UNAVAILABLE', { reason: error.code }, { cause: error }) : error
  }
  /** Once more where our clock is off: the refusal says by how much. */
  const sendCorrected: typeof send = async (name, prepared, rest) => {
    const usedMs = offset.ms
    try {
      return await send(name, prepared, rest)
    } catch (error) {
      const skewMs =
        error instanceof WardroundError && error.code === 'WR_PROOF_CLOCK'
          ? Number(error.parameters.skewMs)
          : Number.NaN
      if (!Number.isFinite(skewMs)) throw error
      // From what this request went by: of several that are refused at once, each would correct what another has corrected already.
      offset.ms = usedMs - skewMs
      return send(name, prepared, rest)
    }
  }
  return {
    async call(name, input = {}, { signal, bytes, sha256 } = {}) {
      const response = await sendCorrected(name, prepare(name, input, { bytes, sha256 }), { signal })
      const answer = routes[name].answer as z.ZodType | string
      const body = await bytesOf(response)
      if (typeof answer === 'string') return body.toString('utf8') as RouteAnswer<typeof name>
      const parsed = jsonText.pipe(answer).safeParse(body.toString('utf8'))
      if (!parsed.success)
        throw new WardroundError('WR_BODY_INVALID', {
          field: `answer of ${name}`,
          problem: parsed.error.issues[0]?.message ?? '',
        })
      const given = enclosingSchema.safeParse(parsed.data)
      if (given.success) options.held?.take(given.data.enclosed)
      return parsed.data as RouteAnswer<typeof name>
    },
    coordinatorNow: () => options.clock.steadyNow() + offset.ms,
    download: (name, input, { start = 0, signal } = {}) =>
      sendCorrected(name, prepare(name, input, {}), { signal, range: start }),
  }
}

const enclosingSchema = z.object({ enclosed: enclosedSchema })

const jsonText = z.string().transform((text, context): unknown => {
  try {
    return parseJson(text)
  } catch {
    context.addIssue('not JSON')
    return z.NEVER
  }
})

type Prepared = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly body: Uint8Array | undefined
  /** Of the body, or of no bytes. */
  readonly sha256: string
  readonly json: boolean
}

function prepare(
  name: RouteName,
  input: { params?: unknown; query?: unknown; body?: unknown },
  { bytes, sha256: known }: { bytes?: Uint8Array | undefined; sha256?: string | undefined },
): Prepared {
  const { method, path } = routes[name]
  const query = new URLSearchParams(
    Object.entries(input.query ?? {}).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
  )
  const search = query.size === 0 ? '' : `?${query}`
  const json = 'body' in routes[name]
  const body = bytes ?? (json ? Buffer.from(JSON.stringify(input.body ?? {})) : undefined)
  const sha256 =
    known ??
    createHash('sha256')
      .update(body ?? new Uint8Array())
      .digest('hex')
  return { method, path: pathOf(path, (input.params ?? {}) as Record<string, string>) + search, body, sha256, json }
}

function authorization(
  { identity, entropy }: ClientOptions,
  { method, path, sha256 }: Prepared,
  time: number,
): Record<string, string> {
  if (identity.kind === 'nobody') return {}
  if (identity.kind === 'account') return { authorization: `Bearer ${identity.secret}` }
  const nonce = base64urlnopad.encode(entropy(16))
  return {
    authorization: prove(
      identity,
      { method, path, bodySha256: sha256, audience: identity.coordinatorKey },
      { time, nonce },
    ),
  }
}

async function answeredError(response: HttpResponse, request: string): Promise<WardroundError> {
  const text = (await bytesOf(response, 1 << 20)).toString('utf8')
  const parsed = jsonText.pipe(errorAnswerSchema).safeParse(text)
  if (parsed.success) return remoteError(parsed.data.error.code, parsed.data.error.parameters)
  return new WardroundError('WR_UNREACHABLE', {
    url: request,
    reason: `It answered ${response.status}, not as a coordinator does.`,
  })
}

/** How long one request waits for work. */
export const pollSeconds = 25

/** What waiting needs, and whom to tell of it. */
export type Patience = {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly signal?: AbortSignal | undefined
  readonly onWait?: (error: WardroundError, waitMs: number) => void
  /** What was waited for is over. */
  readonly onBack?: () => void
}

/** Tries again while errors are transient, waiting longer each time: 0.2, 0.4, … at most 30 s, with a jitter. Others are thrown at once. */
export async function persistently<T>(
  work: () => Promise<T>,
  { clock, entropy, signal, onWait, onBack }: Patience,
  tries = Number.POSITIVE_INFINITY,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      const done = await work()
      if (attempt > 1) onBack?.()
      return done
    } catch (error) {
      const again =
        error instanceof WardroundError &&
        error.retry !== 'permanent' &&
        error.code !== 'WR_CANCELLED' &&
        attempt < tries &&
        signal?.aborted !== true
      if (!again) throw error
      const jitter = 0.5 + (entropy(1)[0] ?? 0) / 512
      const waitMs = Math.round(Math.min(30_000, 200 * 2 ** Math.min(10, attempt - 1)) * jitter)
      onWait?.(error, waitMs)
      await clock.sleep(waitMs, signal)
    }
  }
}
