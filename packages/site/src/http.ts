/** The way to one coordinator: HTTPS, outbound only, through a proxy where the environment names one (HTTPS_PROXY, NO_PROXY). */
import { createHash, X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import type { ConnectionOptions } from 'node:tls'
import { WardroundError } from '@wardround/core/errors.ts'
import type { HttpRequest, HttpResponse, Network } from '@wardround/core/ports.ts'

/** Whom to believe that it is the coordinator. */
export type Trust =
  /** This very certificate (PEM), which a token's pin vouched for. */
  | { readonly kind: 'certificate'; readonly pem: string }
  /** An authority of the hospital's own (PEM). */
  | { readonly kind: 'authority'; readonly pem: string }
  /** The authorities that Node knows. */
  | { readonly kind: 'public' }
  /** Nobody: only to fetch the certificate that a pin then vouches for. */
  | { readonly kind: 'unverified' }

/** Longer than the longest poll. */
const timeoutMs = 60_000

export type ClosableNetwork = Network & { close(): Promise<void> }

/** Errors of send(): WR_UNREACHABLE, WR_PROXY, WR_TIMEOUT, WR_CERTIFICATE_PIN, WR_CANCELLED. */
export function httpsNetwork(url: string, trust: Trust): ClosableNetwork {
  const agent = new Agent({ ...tlsOptions(trust), proxyEnv: process.env, keepAlive: true, maxSockets: 4 })
  return {
    async send(asked) {
      try {
        const response = await answerTo(asked, url, agent)
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

/** The answer as soon as its head is here. Nothing for `timeoutMs`, before it or within it, is an error. */
function answerTo(
  { method, path, headers, body, signal }: HttpRequest,
  url: string,
  agent: Agent,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': body.length }
    const options = { agent, method, headers: { ...headers, ...length }, timeout: timeoutMs }
    const sent = request(new URL(path, url), { ...options, ...(signal === undefined ? {} : { signal }) }, resolve)
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('nothing came'), { code: 'ETIMEDOUT' })))
    sent.on('error', reject)
    sent.end(body)
  })
}

type TlsOptions = {
  ca?: string[]
  rejectUnauthorized?: boolean
  checkServerIdentity?: NonNullable<ConnectionOptions['checkServerIdentity']>
}

function tlsOptions(trust: Trust): TlsOptions {
  switch (trust.kind) {
    case 'certificate': {
      const pinned = new X509Certificate(trust.pem).fingerprint256
      // The name in it does not matter: it is this certificate or none.
      const checkServerIdentity: TlsOptions['checkServerIdentity'] = (_, { fingerprint256 }) =>
        fingerprint256 === pinned ? undefined : new Error(wrongPin)
      return { ca: [trust.pem], checkServerIdentity }
    }
    case 'authority':
      return { ca: [trust.pem] }
    case 'public':
      return {}
    case 'unverified':
      return { rejectUnauthorized: false }
  }
}

const wrongPin = 'another certificate than the pinned one'
const certificateProblems = new Set([
  wrongPin,
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
])

function networkError(error: unknown, url: string): WardroundError {
  if (error instanceof WardroundError) return error
  const { code = '', name, message } = error as NodeJS.ErrnoException
  const proxy = failedProxy(error, url)
  const options = { cause: error }
  if (certificateProblems.has(code) || message === wrongPin)
    return new WardroundError('WR_CERTIFICATE_PIN', { url }, options)
  if (code.includes('TIMEOUT') || name.includes('Timeout'))
    return new WardroundError('WR_TIMEOUT', { url, seconds: timeoutMs / 1000 }, options)
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

/**
 * The trust that a token asks for. With a pin: the certificate is fetched unverified, and proves itself by its digest.
 * Errors: WR_CERTIFICATE_PIN where it is another one.
 */
export async function trustOf(
  { url, certificateSha256 }: { url: string; certificateSha256?: string | undefined },
  authority?: string,
): Promise<Trust> {
  if (authority !== undefined) return { kind: 'authority', pem: authority }
  if (certificateSha256 === undefined) return { kind: 'public' }
  const network = httpsNetwork(url, { kind: 'unverified' })
  try {
    const pem = await textOf(await network.send({ method: 'GET', path: '/v1/certificate', headers: {} }))
    if (digestOf(pem) !== certificateSha256) throw new WardroundError('WR_CERTIFICATE_PIN', { url })
    return { kind: 'certificate', pem }
  } finally {
    await network.close()
  }
}

function digestOf(pem: string): string {
  try {
    return createHash('sha256').update(new X509Certificate(pem).raw).digest('hex')
  } catch {
    // Not a certificate at all: it has no digest that a pin could name.
    return ''
  }
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

const textOf = async (response: HttpResponse): Promise<string> => (await bytesOf(response, 1 << 20)).toString('utf8')
