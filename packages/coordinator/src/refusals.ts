/** Every error that leaves the coordinator, in one coded form: from handlers, from Fastify before them, from the line itself. */
import type { Socket } from 'node:net'
import { base64urlnopad } from '@wardround/core/base64.ts'
import {
  asWardroundError,
  type ErrorCode,
  type ErrorParameters,
  registry,
  WardroundError,
} from '@wardround/core/errors.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from './context.ts'

export const jsonLimitBytes = 4 << 20

type Told = Pick<Context, 'entropy' | 'clock' | 'log'>
type Asked = { readonly request: FastifyRequest; readonly reply: FastifyReply; readonly context: Told }

/** Anything thrown, as an answer. */
export function refuse(thrown: unknown, { request, reply, context }: Asked): FastifyReply {
  const error = asCoded(thrown, request.routeOptions.bodyLimit ?? jsonLimitBytes)
  const path = request.url.split('?')[0]
  const body = tell(error, context, { method: request.method, path })
  return reply.code(outward(error).status).type('application/json; charset=utf-8').send(body)
}

/** What is no HTTP request: there is nothing to reply to but the line. */
export function refuseLine(thrown: Error, socket: Socket, context: Told): void {
  // Only what the HTTP parser complains about has somebody to hear it. A line that is too slow, or gone, or never came through TLS, is cut: to be
  // tried again, which that says better than a refusal does.
  const spoken = 'code' in thrown && String(thrown.code).startsWith('HPE_')
  if (!spoken || !socket.writable) return void socket.destroy()
  const error = new WardroundError(
    'WR_BODY_INVALID',
    { field: 'request', problem: 'it is not HTTP' },
    { cause: thrown },
  )
  const body = tell(error, context, {})
  const head = [
    `HTTP/1.1 ${error.status} Bad Request`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** Fastify's own refusals in our words; anything unknown is a bug of ours. */
function asCoded(error: unknown, limitBytes: number): WardroundError {
  if (error instanceof WardroundError) return error
  if (error instanceof Error && 'code' in error && ofTheDisk.has(String(error.code)))
    return new WardroundError(
      'WR_DISK',
      { path: 'path' in error ? String(error.path) : '', reason: error.message },
      { cause: error },
    )
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  if (status === 413) return new WardroundError('WR_BODY_TOO_LARGE', { limitBytes })
  if (status < 400 || status >= 500) return asWardroundError(error)
  const problem = error instanceof Error ? error.message.slice(0, 200) : ''
  return new WardroundError('WR_BODY_INVALID', { field: 'request', problem }, { cause: error })
}

/** Which of our own troubles a peer waits out; what exactly is wrong is in our log. */
const waitedOut: Readonly<Partial<Record<ErrorCode, string>>> = {
  WR_DISK: 'disk',
  WR_PERMISSION: 'disk',
  WR_STORE: 'store',
}

function outward(error: WardroundError): WardroundError {
  const reason = waitedOut[error.code]
  return reason === undefined ? error : new WardroundError('WR_UNAVAILABLE', { reason }, { cause: error })
}

/** A disk that is full, read-only or broken says so wherever it is touched. */
const ofTheDisk: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EFBIG', 'EMFILE', 'ENFILE'])

/** The body of the answer; the log gets the cause. */
function tell(error: WardroundError, { entropy, clock, log }: Told, fields: Readonly<Record<string, unknown>>): string {
  const requestId = base64urlnopad.encode(entropy(9))
  const level = error.status >= 500 ? 'error' : 'info'
  const cause = level === 'error' ? { cause: describe(error.cause) } : {}
  log(level, 'refused', { code: error.code, requestId, ...fields, ...cause })
  const told = outward(error)
  const forPeers = registry[told.code].exposure === 'peer'
  const { what, why, next } = told.sentences
  return JSON.stringify({
    error: {
      code: told.code,
      parameters: forPeers ? defined(told.parameters) : {},
      message: forPeers ? [what, why, next].filter((part) => part !== '').join(' ') : told.code,
      retry: told.retry,
      requestId,
      nowMs: clock.now(),
    },
  })
}

const describe = (cause: unknown): string => (cause instanceof Error ? (cause.stack ?? cause.message) : 'unknown')

const defined = (parameters: ErrorParameters): Record<string, unknown> =>
  Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined))
