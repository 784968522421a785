/** The wire itself: bytes on a TLS connection that may be requests, several of them, or half of one (packages/coordinator/src/server.ts). */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { realWorld } from '@wardround/cli/world.ts'
import { startCoordinator } from '@wardround/coordinator/start.ts'
import { isErrorCode } from '@wardround/core/errors.ts'
import { errorAnswerSchema } from '@wardround/core/protocol/routes.ts'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import fc from 'fast-check'
import packageJson from '../../../package.json' with { type: 'json' }
import { type Boundary, type Bytes, bytesOf, type Outcome } from '../boundary.ts'

/** `$secret` stands for an account's. */
const request = (line: string, headers: readonly string[] = [], body = ''): string =>
  [`${line} HTTP/1.1`, 'host: localhost', ...headers, '', body].join('\r\n')
const account = 'authorization: Bearer $secret'
const chunked = 'transfer-encoding: chunked'
const post = 'POST /v1/tokens'
const body = '{"site":"north"}'

const sound = [
  request('GET /health'),
  request('GET /health') + request('GET /v1/studies', [account]) + request('DELETE /v1/sites/north', [account]),
  request(post, [account, `content-length: ${body.length}`], body),
  request(post, [account, chunked], `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`),
  request('HEAD /health') + request('OPTIONS *') + request('GET /openapi.json', ['connection: close']),
]
const broken = [
  request(post, [account, 'content-length: 2000000000'], body),
  request(post, [account, chunked], 'ffffffffffffffff\r\n{'),
  request(post, [account, chunked, 'content-length: 5'], body),
  request('GET /health', [`x: ${'y'.repeat(20_000)}`]),
  request('GET /health', ['upgrade: h2c', 'connection: upgrade']),
  request('CONNECT a:1') + request('PATCH /health') + request('GET http://a/health'),
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'GET /health HTTP/0.9\r\n\r\n',
]

const line = fc.constantFrom('GET /health', 'GET /v1/audit?limit=1', post, 'PUT /v1/site/tasks/x/update', 'BREW /')
const header = fc.oneof(
  fc.constantFrom(
    account,
    chunked,
    'content-length: 5',
    'expect: 100-continue',
    'te: trailers',
    'host: a',
    'accept: */*',
  ),
  fc.tuple(fc.string(), fc.string()).map((pair) => pair.join(': ')),
)
const requests = fc
  .array(fc.tuple(line, fc.array(header, { maxLength: 5 }), fc.constantFrom('', body, '5\r\nabcde\r\n0\r\n\r\n')), {
    maxLength: 4,
  })
  .map((parts) => bytesOf(parts.map(([first, headers, content]) => request(first, headers, content)).join('')))

export const lines: Boundary = {
  name: 'lines',
  codes: [
    ...(['WR_BODY_INVALID', 'WR_BODY_TOO_LARGE', 'WR_NOT_FOUND', 'WR_METHOD', 'WR_CREDENTIALS'] as const),
    ...(['WR_PROOF_INVALID', 'WR_VERSION', 'WR_TOKEN_INVALID', 'WR_SITE_EXISTS'] as const),
  ],
  seeds: [...sound, ...broken].map(bytesOf),
  documents: requests,
  mutators: [],
  words: [
    account,
    chunked,
    '\r\n',
    '\r\n\r\n',
    '0\r\n\r\n',
    ' HTTP/1.1',
    'content-length: ',
    'GET /',
    '%2e%2e/',
    '\n ',
  ],
  sources: /packages\/coordinator\/src\/|node_modules\/(?:fastify|find-my-way)\//,
  async open() {
    const folder = mkdtempSync(join(tmpdir(), 'wardround-fuzz-'))
    const faults: string[] = []
    const { coordinator, url, accessFile } = await startCoordinator({
      folder,
      host: '127.0.0.1',
      port: 0,
      store: 'sqlite',
      ...realWorld,
      version: packageJson.version,
      log: (level, message, fields) => void (level === 'error' && faults.push(`${message} ${JSON.stringify(fields)}`)),
    })
    const { secret } = decodeToken('access', readFileSync(accessFile, 'utf8'))
    return {
      async take(input): Promise<Outcome> {
        const text = Buffer.from(input).toString('latin1').replaceAll('$secret', secret)
        const outcome = judged(await exchanged(Number(new URL(url).port), Buffer.from(text, 'latin1')))
        const [fault] = faults
        if (fault !== undefined) throw new Error(`the log says: ${fault}`)
        return outcome
      },
      async close() {
        await coordinator.close()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  },
}

/** Sent in two parts; all that comes back until the coordinator hangs up. */
function exchanged(port: number, input: Bytes | Buffer): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  const chunks: Buffer[] = []
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
    socket.write(input.subarray(0, input.length >> 1))
    setImmediate(() => socket.end(input.subarray(input.length >> 1)))
  })
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk))
  // A line that is cut off while it is still being written to says no less.
  socket.on('error', () => undefined)
  socket.on('close', () => resolve(Buffer.concat(chunks)))
  return promise
}

/** The code of the first refusal; accepted where there is none. */
function judged(answer: Buffer): Outcome {
  const text = answer.toString('latin1')
  let first: Outcome = 'accepted'
  for (const { index, 1: status, 2: head = '' } of text.matchAll(
    /HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/g,
  )) {
    if (Number(status) >= 500) throw new Error(text.slice(index, index + 500))
    if (Number(status) < 400) continue
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
    const start = text.indexOf('\r\n\r\n', index) + 4
    const content = Buffer.from(text.slice(start, start + length), 'latin1').toString('utf8')
    // The answer to HEAD has a length, and no body.
    if (!content.startsWith('{')) continue
    const { code } = errorAnswerSchema.parse(JSON.parse(content)).error
    if (!isErrorCode(code)) throw new Error(`${code} is no code of ours`)
    if (first === 'accepted') first = code
  }
  return first
}
