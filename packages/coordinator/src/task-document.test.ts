import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commonFacts } from './task-document.ts'
import { taskRow } from './testing/rows.ts'

const [some, common] = ['a'.repeat(64), 'b'.repeat(64)]
const content = {
  version: 1,
  kind: 'train',
  study: 'heart',
  planHash: some,
  issuedAt: 1,
  expiresAt: 9,
  preparation: {
    columns: [{ name: 'age', type: 'number', fill: 0, mean: 0, standardDeviation: 1 }],
    normalise: 'global',
    contributors: ['a'],
  },
  preparationHash: some,
  round: 1,
  weights: { sha256: some, sizeBytes: 8 },
  bestRound: 0,
}
const kept = (form: string, site: string, change: object = {}) => ({
  ...taskRow(`t-${site}`, site, { document: JSON.stringify({ ...content, id: `t-${site}`, site, ...change }) }),
  form,
})

test('of each form what it asks for, and until when', () => {
  const corrected = { correction: { since: 0, common: { sha256: common, sizeBytes: 8 } }, expiresAt: 12 }
  for (const _ of ['read', 'remembered']) {
    assert.deepEqual(commonFacts(kept('plain', 'a')), { expiresAt: 9, weights: [some] })
    assert.deepEqual(commonFacts(kept('corrected', 'a', corrected)), { expiresAt: 12, weights: [some, common] })
  }
})

test('documents of one form are read once; one that cannot be read is not remembered', () => {
  assert.deepEqual(commonFacts(kept('one', 'a')).weights, [some])
  assert.deepEqual(commonFacts({ ...kept('one', 'b'), document: 'never looked at' }).weights, [some])
  for (const _ of ['first', 'second']) assert.throws(() => commonFacts({ ...kept('bad', 'a'), document: '{}' }))
})
