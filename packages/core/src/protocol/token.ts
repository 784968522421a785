/**
 * What a person pastes: one line that carries an address, a secret and whom to trust, with a checksum against slips of the
 * clipboard. `wrj1_` joins a site, once; `wra1_` gives a researcher or administrator access.
 */
import { z } from 'zod'
import { base64urlnopad } from '../base64.ts'
import { WardroundError } from '../errors.ts'
import { parseJson } from '../json.ts'
import { canonicalJson, sha256Hex } from './canonical.ts'

const tokenSchema = z.strictObject({
  /** The coordinator's address, `https://host:port`. */
  url: z.url({ protocol: /^https$/ }).max(500),
  /** 32 random bytes in base64url. */
  secret: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  /** Whom the secret is for: a site's or an account's name. */
  name: z.string().min(1).max(63),
  /** The coordinator's Ed25519 key; every task is signed with it. */
  coordinatorKey: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  /**
   * SHA-256 of the public key in the coordinator's certificate (SubjectPublicKeyInfo in DER, as RFC 7469 pins it), which outlives the
   * certificate; absent where a public or an own authority vouches for it.
   */
  certificateKeySha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
})
export type Token = z.output<typeof tokenSchema>

const jsonText = z.string().transform((text, context) => {
  try {
    return parseJson(text)
  } catch {
    context.addIssue('not JSON')
    return z.NEVER
  }
})

const prefixes = { join: 'wrj1_', access: 'wra1_' } as const
export type TokenKind = keyof typeof prefixes

export function encodeToken(kind: TokenKind, token: Token): string {
  const text = canonicalJson(token)
  return prefixes[kind] + base64urlnopad.encode(new TextEncoder().encode(checksum(text) + text))
}

/** Errors: WR_TOKEN_INVALID with `problem`: kind, checksum or content. */
export function decodeToken(kind: TokenKind, line: string): Token {
  const trimmed = line.trim()
  if (!trimmed.startsWith(prefixes[kind]) || trimmed.length > 4000)
    throw new WardroundError('WR_TOKEN_INVALID', { problem: 'kind', kind })
  const bytes = base64urlnopad.tryDecode(trimmed.slice(prefixes[kind].length))
  const whole = bytes === undefined ? '' : new TextDecoder().decode(bytes)
  const text = whole.slice(8)
  if (checksum(text) !== whole.slice(0, 8)) throw new WardroundError('WR_TOKEN_INVALID', { problem: 'checksum', kind })
  const parsed = jsonText.pipe(tokenSchema).safeParse(text)
  if (!parsed.success) throw new WardroundError('WR_TOKEN_INVALID', { problem: 'content', kind })
  return parsed.data
}

const checksum = (text: string): string => sha256Hex(text).slice(0, 8)
