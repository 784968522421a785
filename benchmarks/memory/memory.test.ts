import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryBench } from './memory.ts'

const isLinux = process.platform === 'linux'

test('a coordinator never has a whole model in memory, from its first weights to the model that is fetched', {
  skip: !isLinux && 'only Linux says what a process had in memory',
  timeout: 300_000,
}, async () => {
  const { signal } = new AbortController()
  const { rows } = await memoryBench({ sites: [2], weights: [40_000_000], rounds: 1, siteWeights: 0, signal })
  const [row] = rows
  assert.ok(row !== undefined && row.startMb !== null && row.peakMb !== null)
  // 160 MB of weights. What it needs beside them does not depend on their size, and is some 110 MB.
  const growthMb = row.peakMb - row.startMb
  assert.ok(growthMb > 0 && growthMb < row.modelMb, `${row.startMb} MB at the start, ${row.peakMb} MB at the most`)
  assert.ok(row.peakMb < row.limitMb)
})
