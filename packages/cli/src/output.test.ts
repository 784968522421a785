import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, isErrorCode, registry, remoteError, WardroundError } from '@wardround/core/errors.ts'
import { runCommand, show, showError } from './output.ts'
import { testRuntime } from './testing/runtime.ts'

const codes = Object.keys(registry).filter(isErrorCode)
/** As it comes over a wire: with some parameters missing. */
const anyError = (code: ErrorCode): WardroundError => remoteError(code, { sites: ['north'], study: 's-1' })

test('sentences for people, a line each; one JSON document on one line for scripts; never both', () => {
  const outcome = { data: { two: [1, 'a\nb'] }, lines: ['first', 'second'] }
  const plain = testRuntime()
  show(plain.runtime, {}, outcome)
  assert.equal(plain.stdout.text(), 'first\nsecond\n')
  const json = testRuntime()
  show(json.runtime, { json: true }, outcome)
  assert.equal(json.stdout.text(), '{"two":[1,"a\\nb"]}\n')
  assert.equal(plain.stderr.text() + json.stderr.text(), '')
})

test('a command that works ends with 0, or with the code that its finding asks for', async () => {
  const { runtime } = testRuntime()
  assert.equal(await runCommand(runtime, {}, async () => ({ data: null, lines: [] })), 0)
  assert.equal(await runCommand(runtime, {}, async () => ({ data: null, lines: [], exitCode: 8 })), 8)
})

test('every code of the registry is told in words on stderr, and gives its exit code', async () => {
  for (const code of codes) {
    const { runtime, stdout, stderr } = testRuntime()
    const error = anyError(code)
    const exit = await runCommand(runtime, {}, async () => {
      throw error
    })
    assert.equal(exit, registry[code].exit, code)
    assert.equal(stdout.text(), '')
    assert.ok(stderr.text().startsWith(`${code}: ${error.sentences.what}\n`), stderr.text())
    assert.ok(stderr.text().includes(error.sentences.why))
    assert.ok(error.sentences.next === '' || stderr.text().includes(`Next: ${error.sentences.next}`))
  }
})

test('every code of the registry is one JSON document on stdout, with nothing on stderr', () => {
  for (const code of codes) {
    const { runtime, stdout, stderr } = testRuntime()
    const error = anyError(code)
    assert.equal(showError(runtime, { json: true }, error), registry[code].exit)
    assert.deepEqual(JSON.parse(stdout.text()), {
      error: { code, parameters: { ...error.parameters }, ...error.sentences, retry: registry[code].retry },
    })
    assert.equal(stdout.text().indexOf('\n'), stdout.text().length - 1)
    assert.equal(stderr.text(), '')
  }
})

test('a mistake of ours is WR_INTERNAL, without a stack trace unless one asks for it', async () => {
  const inner = new RangeError('too far')
  const fail = async () => {
    throw new TypeError('no such thing', { cause: inner })
  }
  const quiet = testRuntime()
  assert.equal(await runCommand(quiet.runtime, {}, fail), 1)
  assert.match(quiet.stderr.text(), /^WR_INTERNAL: .*TypeError/)
  assert.doesNotMatch(quiet.stderr.text(), /\n\s+at |too far/)
  const verbose = testRuntime()
  assert.equal(await runCommand(verbose.runtime, { verbose: true }, fail), 1)
  assert.match(verbose.stderr.text(), /TypeError: no such thing\n\s+at .*RangeError: too far\n\s+at /s)
})

test('a cause that is no error is not printed', () => {
  const { runtime, stderr } = testRuntime()
  showError(runtime, { verbose: true }, new WardroundError('WR_CANCELLED', {}, { cause: 'the secret of somebody' }))
  assert.doesNotMatch(stderr.text(), /secret/)
})
