/** The way to one coordinator: HTTPS, outbound only, through a proxy where the environment names one (HTTPS_PROXY, NO_PROXY). */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Agent, type AgentOptions, request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { WardroundError } from '@wardround/core/errors.ts'
import type { HttpRequest, HttpResponse, Network } from '@wardround/core/ports.ts'
import { mostAtOnce } from '@wardround/core/protocol/at-work.ts'

/** Whom to believe that it is the coordinator. */
export type Trust =
  /** Whoever has this key, by the SHA-256 of its SubjectPublicKeyInfo: a token's pin. */
  | { readonly kind: 'key'; readonly sha256: string }
  /** An authority of the hospital's own (PEM). */
  | { readonly kind: 'authority'; readonly pem: string }
  /** The authorities that Node knows. */
  | { readonly kind: 'public' }

/** Silence for so long, longer than the longest poll, is a line that is dead. */
const silenceMs = 60_000

export type ClosableNetwork = Network & { close(): Promise<void> }

/** Enough for as many tasks as there may be at once, and whoever listens meanwhile. */
const mostLines = 2 * mostAtOnce

/** Errors of send(): WR_UNREACHABLE, WR_PROXY, WR_TIMEOUT, WR_CERTIFICATE_PIN, WR_CERTIFICATE_EXPIRED, WR_CANCELLED. */
export function httpsNetwork(url: string, trust: Trust, timeoutMs = silenceMs): ClosableNetwork {
  const agent = new Agent({ ...tlsOptions(trust), proxyEnv: process.env, keepAlive: true, maxSockets: mostLines })
  return {
    async send(asked) {
      try {
        const response = await answerTo(asked, url, { agent, trust, timeoutMs })
        const { statusCode: status = 0, headers } = response
        return { status, headers: flat(headers), body: guarded(response, url) }
      } catch (error) {
        throw asked.signal?.aborted
          ? new WardroundError('WR_CANCELLED', {}, { cause: error })
          : networkError(error, url)
      }
    },
    close: async () => agent.destroy(),
  }
}

type Way = { readonly agent: Agent; readonly trust: Trust; readonly timeoutMs: number }

/** The answer as soon as its head is here. Nothing for `timeoutMs`, before it or within it, is an error. */
function answerTo(
  { method, path, headers, body, signal }: HttpRequest,
  url: string,
  { agent, trust, timeoutMs }: Way,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': body.length }
    const options = { agent, method, headers: { ...headers, ...length }, timeout: timeoutMs }
    const sent = request(new URL(path, url), { ...options, ...(signal === undefined ? {} : { signal }) }, resolve)
    if (trust.kind === 'key')
      sent.on('socket', (socket) => sent.reusedSocket || requireKey(socket as TLSSocket, trust.sha256))
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('nothing came'), { code: 'ETIMEDOUT' })))
    sent.on('error', reject)
    sent.end(body)
  })
}

function tlsOptions(trust: Trust): AgentOptions {
  switch (trust.kind) {
    case 'key':
      // requireKey() decides. A session that is taken up again would bring no certificate to look at.
      return { rejectUnauthorized: false, maxCachedSessions: 0 }
    case 'authority':
      return { ca: [trust.pem] }
    case 'public':
      return {}
  }
}

/**
 * Cuts the line before a byte of ours is on it, if the other end has not proved that it has the key. Nothing else in the certificate counts,
 * neither name nor dates, as with DANE-EE (RFC 7671, section 5.1): the key came with the token, by a way that is trusted, and a coordinator's
 * certificate is renewed without anybody here noticing.
 */
function requireKey(socket: TLSSocket, sha256: string): void {
  const check = (): void => {
    const key = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' })
    if (key === undefined || createHash('sha256').update(key).digest('hex') !== sha256)
      socket.destroy(new Error(wrongPin))
  }
  if (socket.getPeerX509Certificate() === undefined) socket.once('secureConnect', check)
  else check()
}

const wrongPin = 'another key than the pinned one'
const certificateProblems = new Set([
  wrongPin,
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])
const expired: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'It has expired.',
  CERT_NOT_YET_VALID: 'It is not valid yet.',
}

function networkError(error: unknown, url: string): WardroundError {
  if (error instanceof WardroundError) return error
  const { code = '', name, message } = error as NodeJS.ErrnoException
  const proxy = failedProxy(error, url)
  const options = { cause: error }
  if (certificateProblems.has(code) || message === wrongPin)
    return new WardroundError('WR_CERTIFICATE_PIN', { url }, options)
  const reason = expired[code]
  if (reason !== undefined) return new WardroundError('WR_CERTIFICATE_EXPIRED', { url, reason }, options)
  if (code.includes('TIMEOUT') || name.includes('Timeout'))
    return new WardroundError('WR_TIMEOUT', { url, seconds: silenceMs / 1000 }, options)
  if (proxy !== undefined)
    return new WardroundError(
      'WR_PROXY',
      { proxy, reason: proxyAnswer(message) ?? reasonOf(codeOf(error), message) },
      options,
    )
  if (name === 'AbortError') return new WardroundError('WR_CANCELLED', {}, options)
  return new WardroundError('WR_UNREACHABLE', { url, reason: reasonOf(code, message) }, options)
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing listens there.',
  ENOTFOUND: 'The name is not known.',
  EAI_AGAIN: 'The name cannot be looked up now.',
  ECONNRESET: 'The connection was cut.',
  EHOSTUNREACH: 'There is no way to that machine.',
}
const reasonOf = (code: string, message: string): string => reasons[code] ?? `${code} ${message}`.trim()

/** The proxy's address, without its password, where it is the proxy that failed: by what it said, or by where nobody answered. */
function failedProxy(error: unknown, url: string): string | undefined {
  const address = process.env.https_proxy ?? process.env.HTTPS_PROXY
  if (address === undefined || !URL.canParse(address)) return undefined
  const { protocol, hostname, host } = new URL(address)
  const own = portOf(new URL(address))
  const said = codeOf(error) === 'ERR_PROXY_TUNNEL'
  const silent =
    portOf(new URL(url)) !== own && parts(error).some((part) => part.port === own || part.hostname === hostname)
  return said || silent ? `${protocol}//${host}` : undefined
}

/** What a proxy answered to CONNECT, out of Node's sentence about it. */
const proxyAnswer = (message: string): string | undefined => {
  const answer = /HTTP\/1\.\d (\d{3}.*)$/.exec(message)?.[1]
  return answer === undefined ? undefined : `It answered ${answer.trim()}.`
}

const portOf = ({ protocol, port }: URL): number => (port !== '' ? Number(port) : protocol === 'https:' ? 443 : 80)

/** One error for each address of a name that was tried. */
const parts = (error: unknown): readonly (NodeJS.ErrnoException & { port?: number; hostname?: string })[] =>
  error instanceof AggregateError ? error.errors : [error as NodeJS.ErrnoException]

const codeOf = (error: unknown): string => parts(error)[0]?.code ?? ''

const flat = (headers: Readonly<Record<string, string | string[] | undefined>>): HttpResponse['headers'] =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  )

/** A body whose breaking off is a coded error too. */
async function* guarded(body: AsyncIterable<Uint8Array>, url: string): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (error) {
    throw networkError(error, url)
  }
}

/** The trust that a token asks for; an authority of the hospital's own (PEM) comes first. */
export function trustOf(
  { certificateKeySha256 }: { certificateKeySha256?: string | undefined },
  authority?: string,
): Trust {
  if (authority !== undefined) return { kind: 'authority', pem: authority }
  return certificateKeySha256 === undefined ? { kind: 'public' } : { kind: 'key', sha256: certificateKeySha256 }
}

const answerLimitBytes = 64 << 20

export async function bytesOf({ body }: Pick<HttpResponse, 'body'>, limit = answerLimitBytes): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > limit) throw new WardroundError('WR_BODY_TOO_LARGE', { limitBytes: limit })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
