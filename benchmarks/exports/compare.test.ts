import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apart, decided, relativeError } from './compare.ts'

test('errors are shares of the largest value; what is no number, or missing, is no small one', () => {
  assert.equal(relativeError([1, -4], Float32Array.of(1, -8)), 0.5)
  assert.equal(relativeError([0, 0], Float32Array.of(0, 0)), 0)
  assert.equal(relativeError([1], Float32Array.of(1, 0)), Number.POSITIVE_INFINITY)
  assert.equal(relativeError([Number.NaN, 1], Float32Array.of(1, 1)), Number.POSITIVE_INFINITY)
})

const theirs = new Map([
  ['large', Float32Array.of(1, 2)],
  ['noise', Float32Array.of(1e-9, 0)],
  ['other', Float32Array.of(1)],
])

test('the furthest tensor is the first; one that is missing, or no number, is infinitely far', () => {
  const ours = new Map([...theirs, ['large', Float32Array.of(1, 1.5)], ['other', Float32Array.of(Number.NaN)]] as const)
  assert.deepEqual(apart(['noise', 'large', 'other', 'gone'], ours, theirs), [
    { tensor: 'other', error: Number.POSITIVE_INFINITY },
    { tensor: 'gone', error: Number.POSITIVE_INFINITY },
    { tensor: 'large', error: 0.25 },
    { tensor: 'noise', error: 0 },
  ])
})

test('what double precision does not confirm is left out', () => {
  const exact = new Map([...theirs, ['noise', Float32Array.of(-1e-9, 0)], ['large', Float32Array.of(1, 2.01)]] as const)
  assert.deepEqual(decided(['other', 'noise', 'large'], [theirs, exact], 0.01), ['other', 'large'])
  assert.deepEqual(decided(['other', 'noise', 'large'], [theirs, exact], 0.001), ['other'])
})
