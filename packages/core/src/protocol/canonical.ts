/** One byte form for a document (RFC 8785, JSON Canonicalization Scheme) and its SHA-256. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import canonicalize from 'canonicalize'
import { WardroundError } from '../errors.ts'

/** The canonical text of plain JSON data; whatever parseJson() reads has one. Errors: WR_INTERNAL if `value` is not JSON data. */
export function canonicalJson(value: unknown): string {
  try {
    const text = canonicalize(value)
    if (text !== undefined) return text
  } catch (error) {
    throw notJson(error)
  }
  throw notJson()
}

const notJson = (cause?: unknown): WardroundError =>
  new WardroundError('WR_INTERNAL', { what: 'a value that is not JSON' }, { cause })

/**
 * canonicalJson() of an object whose members are canonical texts already: for what thousands of documents have in common. Names are in
 * order of UTF-16 code unit (RFC 8785, section 3.2.3), which is JavaScript's own order.
 */
export const canonicalObject = (members: Readonly<Record<string, string>>): string =>
  `{${Object.keys(members)
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${members[name]}`)
    .join(',')}}`

/** The canonical text of each member. Errors: WR_INTERNAL. */
export const canonicalMembers = (value: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(Object.entries(value).map(([name, member]) => [name, canonicalJson(member)]))

/** SHA-256 of bytes, or of a text's UTF-8, as 64 hexadecimal digits. */
export const sha256Hex = (data: Uint8Array | string): string =>
  bytesToHex(sha256(typeof data === 'string' ? utf8ToBytes(data) : data))

/** The hash that a hospital approves: SHA-256 of a study's canonical form. */
export const planHash = (study: unknown): string => sha256Hex(canonicalJson(study))
