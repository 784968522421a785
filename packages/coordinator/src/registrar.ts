/** Binds handlers to routes: authenticate, parse, handle, answer. */

import { WardroundError } from '@wardround/core/errors.ts'
import { parseJson } from '@wardround/core/json.ts'
import { type RouteName, routes } from '@wardround/core/protocol/routes.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { accountOf, checkVersion, type ProofChecker, type Proven, requireBody } from './auth.ts'
import type { Context } from './context.ts'
import { sha256Of } from './digest.ts'
import type { Caller, Handlers } from './handlers.ts'
import { arriving, requireAnnounced } from './incoming.ts'
import { requestsOfOneSite, strangerLimitBytes } from './limits.ts'
import { jsonLimitBytes, refuse } from './refusals.ts'
import { pieceLimitBytes } from './routes/site-work.ts'

export type RegistrarOptions = {
  readonly context: Context
  readonly handlers: Handlers
  readonly proofs: ProofChecker
  readonly version: string
  /** Aborted when the coordinator closes, so that nobody waits for it. */
  readonly closing: AbortSignal
  readonly heard: (site: string) => void
}

/** Who asks, as far as the head says. */
type Asker = { readonly name: string; readonly proven?: Proven }
const nobody: Asker = { name: '' }

type AnyRoute = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: string
  by: 'anybody' | 'site' | 'account'
  params?: z.ZodType
  query?: z.ZodType
  body?: z.ZodType
  streamed?: true
  answer: z.ZodType | string
}
type AnyHandler = (
  request: { params: unknown; query: unknown; body: unknown },
  caller: Caller,
  reply: FastifyReply,
) => Promise<unknown>

/** `idle` resolves when no handler is at work: whoever closes the store waits for it. */
export function register(app: FastifyInstance, options: RegistrarOptions): { idle(): Promise<void> } {
  const working = new Set<Promise<unknown>>()
  const busy = <T>(work: Promise<T>): Promise<T> => {
    working.add(work)
    return work.finally(() => working.delete(work))
  }
  const askers = new WeakMap<FastifyRequest, Asker>()
  const crowd = createCrowd()
  const add = (scope: FastifyInstance, name: RouteName): void => {
    const route: AnyRoute = routes[name]
    const handler = options.handlers[name] as AnyHandler
    scope.route({
      method: route.method,
      url: route.path,
      bodyLimit: bodyLimitOf(route),
      // From the head alone: nobody unknown makes us take in a body.
      onRequest: async (request, reply) => {
        reply.header('wardround-version', options.version)
        checkVersion(header(request, 'wardround-version'), options.version)
        const asker = await busy(authenticate(route.by, request, options))
        askers.set(request, asker)
        if (route.by === 'site') crowd.enter(asker.name, reply)
      },
      handler: async (request, reply) => {
        const asker = askers.get(request) ?? nobody
        return busy(handle(route, { handler, request, reply, asker }, options))
      },
    })
  }
  const isStreamed = (name: RouteName): boolean => (routes[name] as AnyRoute).streamed === true
  const names = Object.keys(routes) as RouteName[]
  app.removeAllContentTypeParsers()
  void app.register(async (scope) => {
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    for (const name of names.filter(isStreamed)) add(scope, name)
  })
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  for (const name of names) if (!isStreamed(name)) add(app, name)
  const { context } = options
  app.setErrorHandler((error, request, reply) => refuse(error, { request, reply, context }))
  return {
    async idle() {
      while (working.size > 0) await Promise.allSettled(working)
    },
  }
}

const bodyLimitOf = ({ by }: AnyRoute): number =>
  by === 'anybody' ? strangerLimitBytes : Math.max(jsonLimitBytes, pieceLimitBytes)

type Asked = {
  readonly handler: AnyHandler
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly asker: Asker
}

async function handle(
  route: AnyRoute,
  { handler, request, reply, asker }: Asked,
  options: RegistrarOptions,
): Promise<unknown> {
  const limitBytes = bodyLimitOf(route)
  const announcedBytes = requireAnnounced(request, limitBytes)
  const rawBody = Buffer.isBuffer(request.body) ? request.body : new Uint8Array()
  if (asker.proven !== undefined && route.streamed !== true) requireBody(asker.proven, sha256Of(rawBody))
  // Most never ask for it, and making one costs more than their whole work.
  let signal: AbortSignal | undefined
  const caller: Caller = {
    name: asker.name,
    get signal() {
      signal ??= signalOf(reply, options.closing)
      return signal
    },
    rawBody,
    incoming: arriving(request, limitBytes),
    announcedBytes,
    headers: request.headers as Caller['headers'],
  }
  const input = {
    params: parse('path', route.params, request.params),
    query: parse('query', route.query, request.query),
    body: parseBody(route.body, rawBody),
  }
  const answer = await handler(input, caller, reply)
  if (typeof route.answer === 'string')
    return route.answer === 'text' ? reply.type('text/plain; charset=utf-8').send(answer) : answer
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(answer))
}

const header = (request: FastifyRequest, name: string): string | undefined => {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}

async function authenticate(
  by: AnyRoute['by'],
  request: FastifyRequest,
  { context, proofs, heard }: RegistrarOptions,
): Promise<Asker> {
  if (by === 'anybody') return nobody
  const authorization = header(request, 'authorization')
  if (by === 'account') return { name: await accountOf(context.store, authorization) }
  const proven = await proofs(authorization, { method: request.method, path: request.url })
  heard(proven.site)
  return { name: proven.site, proven }
}

/** Counts the requests of each site that are being served. */
function createCrowd(): { enter(site: string, reply: FastifyReply): void } {
  const inside = new Map<string, number>()
  return {
    /** Errors: WR_UNAVAILABLE. */
    enter(site, { raw }) {
      const count = inside.get(site) ?? 0
      if (count >= requestsOfOneSite) throw new WardroundError('WR_UNAVAILABLE', { reason: 'crowd' })
      inside.set(site, count + 1)
      raw.once('close', () => {
        const left = (inside.get(site) ?? 1) - 1
        if (left === 0) inside.delete(site)
        else inside.set(site, left)
      })
    },
  }
}

/** Aborted when the asker hangs up or the coordinator closes. */
function signalOf(reply: FastifyReply, closing: AbortSignal): AbortSignal {
  const gone = new AbortController()
  // With a reason, so that no exception is made for it.
  const leave = (): void => {
    closing.removeEventListener('abort', leave)
    gone.abort('gone')
  }
  // Whoever asks for the signal late may find that the asker has gone meanwhile.
  if (reply.raw.destroyed || closing.aborted) leave()
  else {
    reply.raw.once('close', leave)
    closing.addEventListener('abort', leave)
  }
  return gone.signal
}

function parse(place: string, schema: z.ZodType | undefined, value: unknown): unknown {
  if (schema === undefined) return {}
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new WardroundError('WR_BODY_INVALID', {
    field: [place, ...(issue?.path ?? [])].map(String).join('.').slice(0, 200),
    problem: (issue?.message ?? '').slice(0, 300),
  })
}

function parseBody(schema: z.ZodType | undefined, raw: Uint8Array): unknown {
  if (schema === undefined) return undefined
  let value: unknown
  try {
    value = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(raw))
  } catch (error) {
    throw new WardroundError('WR_BODY_INVALID', { field: 'body', problem: 'it is not JSON' }, { cause: error })
  }
  return parse('body', schema, value)
}
