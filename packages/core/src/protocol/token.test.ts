import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { base64urlnopad } from '../base64.ts'
import { WardroundError } from '../errors.ts'
import { sha256Hex } from './canonical.ts'
import { decodeToken, encodeToken } from './token.ts'

const token = {
  url: 'https://coordinator.example:8443',
  secret: 's'.repeat(43),
  name: 'ward-1',
  coordinatorKey: 'k'.repeat(43),
  certificateKeySha256: 'a'.repeat(64),
}
const refused = (line: string) =>
  assert.throws(
    () => decodeToken('join', line),
    (error) => error instanceof WardroundError && error.code === 'WR_TOKEN_INVALID',
  )

test('a token survives the clipboard, blanks around it included', () => {
  assert.deepEqual(decodeToken('join', ` ${encodeToken('join', token)}\n`), token)
  const { certificateKeySha256: _, ...publicAuthority } = token
  assert.deepEqual(decodeToken('access', encodeToken('access', publicAuthority)), publicAuthority)
})

test('a token of the other kind, a cut one and one with any character changed are refused', () => {
  const line = encodeToken('join', token)
  refused(encodeToken('access', token))
  fc.assert(
    fc.property(fc.integer({ min: 0, max: line.length - 1 }), fc.constantFrom(...'aZ9_-'), (at, letter) => {
      const changed = line.slice(0, at) + letter + line.slice(at + 1)
      if (changed !== line) refused(changed)
      refused(line.slice(0, at))
    }),
  )
})

test('any text is refused with a code', () => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => refused(`wrj1_${text}`)))
})

test('a well-formed envelope with other content is refused', () => {
  for (const content of ['', 'not json', '{}', '[1]', JSON.stringify({ ...token, url: 'http://plain' })]) {
    refused(`wrj1_${base64urlnopad.encode(new TextEncoder().encode(sha256Hex(content).slice(0, 8) + content))}`)
  }
})
