import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, isErrorCode, registry, remoteError, sentencesOf, WardroundError } from './errors.ts'
import { errorWords } from './words/en/errors.ts'

const codes = Object.keys(registry).filter(isErrorCode)

test('every code has sentences, and every sentence has a code', () => {
  assert.deepEqual(codes.toSorted(), Object.keys(errorWords).toSorted())
})

test('every code says what happened and why, even when a peer left the parameters out', () => {
  for (const code of codes) {
    const { what, why } = sentencesOf(code, {})
    assert.ok(what.length > 5 && why.length > 5, code)
  }
})

test('a code from a stranger that we do not know becomes WR_INTERNAL and keeps its name', () => {
  const error = remoteError('WR_FROM_THE_FUTURE', {})
  assert.equal(error.code, 'WR_INTERNAL')
  assert.match(error.sentences.what, /WR_FROM_THE_FUTURE/)
})

test('parameters reach the sentences', () => {
  const error = new WardroundError('WR_DATA_COLUMN', { column: 'chol', available: ['age', 'sex'] })
  assert.match(error.sentences.what, /chol/)
  assert.match(error.sentences.why, /age, sex/)
  assert.equal(error.exitCode, 4)
})

test('exit codes are by family, and never 0', () => {
  const exits = new Set(codes.map((code: ErrorCode) => registry[code].exit))
  assert.ok(!exits.has(0 as never))
})
