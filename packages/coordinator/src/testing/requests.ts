/** Requests to a coordinator without a network: by anybody, by an account, or by a site that signs them. */
import { createHash } from 'node:crypto'
import { base64urlnopad } from '@wardround/core/base64.ts'
import { remoteError } from '@wardround/core/errors.ts'
import type { Clock, Entropy } from '@wardround/core/ports.ts'
import { prove } from '@wardround/core/protocol/proof.ts'
import {
  errorAnswerSchema,
  pathOf,
  type RouteAnswer,
  type RouteInput,
  type RouteName,
  routes,
} from '@wardround/core/protocol/routes.ts'
import type { KeyPair } from '@wardround/core/protocol/signing.ts'
import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'

export type Request = {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
}

export type Response = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** How one gets to a coordinator, which may be another one after a restart. */
export type Way = { readonly app: () => FastifyInstance }

export async function send({ app }: Way, { method, path, headers = {}, body }: Request): Promise<Response> {
  const {
    statusCode,
    headers: answered,
    rawPayload,
  } = await app().inject({
    method: method as 'GET',
    url: path,
    headers: { ...headers },
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : Buffer.from(body) }),
  })
  const flat = Object.fromEntries(Object.entries(answered).map(([name, value]) => [name, String(value)]))
  return { status: statusCode, headers: flat, body: rawPayload }
}

/** What a request is signed or authorised with. */
export type Authorise = (request: Request) => Promise<Readonly<Record<string, string>>>

export const asNobody: Authorise = async () => ({})
export const asAccount =
  (secret: string): Authorise =>
  async () => ({ authorization: `Bearer ${secret}` })

export type Signer = {
  readonly site: string
  readonly keys: KeyPair
  readonly coordinatorKey: string
  readonly clock: Clock
  readonly entropy: Entropy
}

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

export const asSite =
  ({ clock, entropy, coordinatorKey, ...prover }: Signer): Authorise =>
  async ({ method, path, body }) => {
    const subject = { method, path, bodySha256: sha256(body ?? ''), audience: coordinatorKey }
    const stamp = { time: clock.steadyNow(), nonce: base64urlnopad.encode(entropy(16)) }
    return { authorization: prove(prover, subject, stamp) }
  }

export type Given<N extends RouteName> = Partial<RouteInput<N>> & { readonly bytes?: Uint8Array }

/** The request of a route. */
export function requestOf<N extends RouteName>(name: N, { params, query, body, bytes }: Given<N>): Request {
  const { method, path } = routes[name]
  const search = new URLSearchParams(
    Object.entries(query ?? {}).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
  )
  const content = bytes ?? ('body' in routes[name] ? JSON.stringify(body ?? {}) : undefined)
  return {
    method,
    path: pathOf(path, (params ?? {}) as Record<string, string>) + (search.size === 0 ? '' : `?${search}`),
    ...(content === undefined
      ? {}
      : {
          body: content,
          headers: { 'content-type': typeof content === 'string' ? 'application/json' : 'application/octet-stream' },
        }),
  }
}

export type Call = <N extends RouteName>(name: N, given?: Given<N>) => Promise<RouteAnswer<N>>

/** Calls routes as somebody, checks that answers are as promised, and throws what was refused. */
export const caller =
  (way: Way, authorise: Authorise): Call =>
  async (name, given = {}) => {
    const request = requestOf(name, given)
    const headers = { ...request.headers, ...(await authorise(request)) }
    const { status, body } = await send(way, { ...request, headers })
    const text = body.toString('utf8')
    if (status >= 400) {
      const { code, parameters } = errorAnswerSchema.parse(JSON.parse(text)).error
      throw remoteError(code, parameters)
    }
    const answer = routes[name].answer as z.ZodType | string
    return (typeof answer === 'string' ? text : answer.parse(JSON.parse(text))) as RouteAnswer<typeof name>
  }

/** A line to a coordinator: calls as somebody, by name, who proves it so. */
export type Line = (authorise: Authorise, name: string) => Call

export const overHttp =
  (way: Way): Line =>
  (authorise) =>
    caller(way, authorise)
