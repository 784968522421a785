/** Binds handlers to routes: parse, authenticate, handle, answer. */
import { createHash } from 'node:crypto'
import { WardroundError } from '@wardround/core/errors.ts'
import { type RouteName, routes } from '@wardround/core/protocol/routes.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { accountOf, checkVersion, type ProofChecker } from './auth.ts'
import type { Context } from './context.ts'
import type { Caller, Handlers } from './handlers.ts'
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

type AnyRoute = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: string
  by: 'anybody' | 'site' | 'account'
  params?: z.ZodType
  query?: z.ZodType
  body?: z.ZodType
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
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: Math.max(jsonLimitBytes, pieceLimitBytes) },
    (_request, body, done) => done(null, body),
  )
  for (const name of Object.keys(routes) as RouteName[]) {
    const route: AnyRoute = routes[name]
    const handler = options.handlers[name] as AnyHandler
    app.route({
      method: route.method,
      url: route.path,
      handler: async (request, reply) => {
        const work = handle(route, { handler, request, reply }, options)
        working.add(work)
        return work.finally(() => working.delete(work))
      },
    })
  }
  const { context } = options
  app.setErrorHandler((error, request, reply) => refuse(error, { request, reply, context }))
  app.setNotFoundHandler((request, reply) => {
    const name = `${request.method} ${request.url.slice(0, 100)}`
    return refuse(new WardroundError('WR_NOT_FOUND', { what: 'route', name }), { request, reply, context })
  })
  return {
    async idle() {
      while (working.size > 0) await Promise.allSettled(working)
    },
  }
}

async function handle(
  route: AnyRoute,
  { handler, request, reply }: { handler: AnyHandler; request: FastifyRequest; reply: FastifyReply },
  options: RegistrarOptions,
): Promise<unknown> {
  const rawBody = Buffer.isBuffer(request.body) ? request.body : new Uint8Array()
  reply.header('wardround-version', options.version)
  checkVersion(header(request, 'wardround-version'), options.version)
  const bodySha256 = createHash('sha256').update(rawBody).digest('hex')
  // Most never ask for it, and making one costs more than their whole work.
  let signal: AbortSignal | undefined
  const caller: Caller = {
    name: await authenticate(route.by, request, { ...options, bodySha256 }),
    get signal() {
      signal ??= signalOf(reply, options.closing)
      return signal
    },
    rawBody,
    bodySha256,
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
  { context, proofs, heard, bodySha256 }: RegistrarOptions & { bodySha256: string },
): Promise<string> {
  if (by === 'anybody') return ''
  if (by === 'account') return accountOf(context.store, header(request, 'authorization'))
  const site = await proofs(header(request, 'authorization'), { method: request.method, path: request.url, bodySha256 })
  heard(site)
  return site
}

/** Aborted when the asker hangs up or the coordinator closes. */
function signalOf(reply: FastifyReply, closing: AbortSignal): AbortSignal {
  const gone = new AbortController()
  // With a reason, so that no exception is made for it.
  const leave = (): void => gone.abort('gone')
  // Whoever asks for the signal late may find that the asker has gone meanwhile.
  if (reply.raw.destroyed) leave()
  else reply.raw.once('close', leave)
  return AbortSignal.any([gone.signal, closing])
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
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(raw))
  } catch (error) {
    throw new WardroundError('WR_BODY_INVALID', { field: 'body', problem: 'it is not JSON' }, { cause: error })
  }
  return parse('body', schema, value)
}
