import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { claim, exceptedFromProxies } from './demo.ts'

test('a demo talks to itself without a proxy, and leaves every other exception as it is', () => {
  const both = (value: string) => ({ NO_PROXY: value, no_proxy: value })
  assert.deepEqual(exceptedFromProxies({}), both('127.0.0.1'))
  assert.deepEqual(exceptedFromProxies({ NO_PROXY: '' }), both('127.0.0.1'))
  assert.deepEqual(exceptedFromProxies({ NO_PROXY: 'a.example,b.example' }), both('a.example,b.example,127.0.0.1'))
  // Programs read the lower case first.
  assert.deepEqual(exceptedFromProxies({ NO_PROXY: 'upper', no_proxy: 'lower' }), both('lower,127.0.0.1'))
})

test('a demo deletes nothing that no demo made', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-claim-'))
  try {
    const real = join(folder, 'real')
    mkdirSync(join(real, 'coordinator'), { recursive: true })
    assert.throws(
      () => claim(real),
      (error) => error instanceof WardroundError && error.code === 'WR_USAGE' && error.sentences.what.includes(real),
    )
    assert.ok(existsSync(join(real, 'coordinator')))
    const fresh = join(folder, 'fresh')
    claim(fresh)
    mkdirSync(join(fresh, 'coordinator'))
    claim(fresh)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
