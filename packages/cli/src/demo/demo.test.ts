import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exceptedFromProxies } from './demo.ts'

test('a demo talks to itself without a proxy, and leaves every other exception as it is', () => {
  const both = (value: string) => ({ NO_PROXY: value, no_proxy: value })
  assert.deepEqual(exceptedFromProxies({}), both('127.0.0.1'))
  assert.deepEqual(exceptedFromProxies({ NO_PROXY: '' }), both('127.0.0.1'))
  assert.deepEqual(exceptedFromProxies({ NO_PROXY: 'a.example,b.example' }), both('a.example,b.example,127.0.0.1'))
  // Programs read the lower case first.
  assert.deepEqual(exceptedFromProxies({ NO_PROXY: 'upper', no_proxy: 'lower' }), both('lower,127.0.0.1'))
})
