/** Lines that people paste (packages/core/src/protocol/token.ts). */
import { base64urlnopad } from '@wardround/core/base64.ts'
import { sha256Hex } from '@wardround/core/protocol/canonical.ts'
import { decodeToken, encodeToken, type Token } from '@wardround/core/protocol/token.ts'
import fc from 'fast-check'
import { type Boundary, type Bytes, bytesOf, type Mutator } from '../boundary.ts'
import { byteMutators } from '../mutate/bytes.ts'
import { jsonMutator } from '../mutate/json.ts'
import { pick } from '../mutate/numbers.ts'

const prefixLength = 5
const checksumLength = 8

const content = (input: Bytes): string => {
  const bytes = base64urlnopad.tryDecode(new TextDecoder().decode(input).trim().slice(prefixLength))
  if (bytes === undefined) throw new Error('It is no token.')
  return new TextDecoder().decode(bytes).slice(checksumLength)
}

/** Any text as a token whose checksum holds. */
const sealed = (text: string, prefix = 'wrj1_'): Bytes =>
  bytesOf(prefix + base64urlnopad.encode(bytesOf(sha256Hex(text).slice(0, checksumLength) + text)))

const inside: Mutator = jsonMutator(
  (input) => JSON.parse(content(input)) as unknown,
  (value, random) => sealed(JSON.stringify(value) ?? '', pick(random, ['wrj1_', 'wra1_'])),
)
/** Its bytes are others, and its checksum is right. */
const resealed: Mutator = (input, random, beside) => {
  try {
    const changed = pick(random, byteMutators)(bytesOf(content(input)), random, beside)
    return sealed(new TextDecoder().decode(changed))
  } catch {
    // It is none any more.
    return input
  }
}

const token: Token = {
  url: 'https://127.0.0.1:8443',
  secret: 'x'.repeat(43),
  name: 'ward',
  coordinatorKey: 'k'.repeat(43),
  certificateKeySha256: 'f'.repeat(64),
}
const hosts = fc.oneof(
  fc.constantFrom(
    'https://localhost',
    'https://[::1]:1',
    'http://a',
    'https://a.b/c?d#e',
    'https://a:70000',
    'https://',
  ),
  fc.string(),
  fc.domain().map((domain) => `https://${domain}`),
)

export const tokens: Boundary = {
  name: 'token',
  codes: ['WR_TOKEN_INVALID'],
  seeds: [bytesOf(encodeToken('join', token)), bytesOf(` ${encodeToken('access', { ...token, name: 'é' })}\r\n`)],
  documents: fc.tuple(hosts, fc.string()).map(([url, name]) => sealed(JSON.stringify({ ...token, url, name }))),
  mutators: [inside, resealed],
  words: ['wrj1_', 'wra1_', 'wrj2_', 'https://', 'file:///', '\r\n', '='],
  sources: /packages\/core\/src\/(?:protocol\/token|base64)\.ts/,
  open: () => ({
    take(input) {
      const line = new TextDecoder().decode(input)
      const kind = line.trim().startsWith('wra1_') ? 'access' : 'join'
      const read = decodeToken(kind, line)
      // What was read says the same when it is written.
      if (JSON.stringify(decodeToken(kind, encodeToken(kind, read))) !== JSON.stringify(read))
        throw new Error('The token says something else when it is written again.')
      return 'accepted'
    },
    close: () => undefined,
  }),
}
