import assert from 'node:assert/strict'
import { test } from 'node:test'
import { relativeError, worst } from './compare.ts'

test('errors are shares of the largest value; what is no number, or missing, is no small one', () => {
  assert.equal(relativeError([1, -4], Float32Array.of(1, -8)), 0.5)
  assert.equal(relativeError([0, 0], Float32Array.of(0, 0)), 0)
  assert.equal(relativeError([1, 0], Float32Array.of(1, 0.5), 2), 0.25)
  assert.equal(relativeError([1], Float32Array.of(1, 0)), Number.POSITIVE_INFINITY)
  assert.equal(relativeError([Number.NaN, 1], Float32Array.of(1, 1)), Number.POSITIVE_INFINITY)
})

test('the worst tensor is found, and noise beside what is large is not looked at', () => {
  const theirs = new Map([
    ['large', Float32Array.of(1, 2)],
    ['noise', Float32Array.of(1e-9, 0)],
    ['other', Float32Array.of(1)],
  ])
  const ours = new Map([...theirs, ['large', Float32Array.of(1, 1.5)], ['noise', Float32Array.of(0, 1e-9)]] as const)
  assert.deepEqual(worst(['other', 'noise', 'large'], ours, theirs), { tensor: 'large', error: 0.25 })
  assert.equal(worst(['other', 'gone'], ours, theirs)?.error, Number.POSITIVE_INFINITY)
  assert.equal(worst([], ours, theirs), undefined)
  const broken = new Map([...theirs, ['other', Float32Array.of(Number.NaN)]] as const)
  assert.equal(worst(['large', 'other'], broken, theirs)?.tensor, 'other')
})
