import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { encodeWeights } from '@wardround/core/safetensors.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { realDisk } from './real-disk.ts'
import { studyFolder } from './study-folder.ts'

const specs = [{ name: 'w', shape: [2] }] as const
const weights = (value: number): Weights => [{ name: 'w', shape: [2], data: new Float32Array(2).fill(value) }]
const fileBytes = encodeWeights(weights(0)).length

function personalOf(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-study-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const { personal } = studyFolder({ disk: realDisk(), folder }, 'small-1a2b3c4d')
  const rounds = () => [1, 2, 3, 4, 5, 6, 7].filter((round) => personal.at(round, specs) !== undefined)
  return { personal, rounds }
}

test('of rounds the newest are kept for which there is room, and those that are wanted whether there is or not', (t) => {
  const { personal, rounds } = personalOf(t)
  for (const round of [1, 2, 3, 4, 6, 7]) personal.save(round, weights(round))
  personal.keep([7], 6 * fileBytes)
  assert.deepEqual(rounds(), [1, 2, 3, 4, 6, 7])
  personal.keep([7], 6 * fileBytes - 1)
  assert.deepEqual(rounds(), [2, 3, 4, 6, 7])
  // Round 5 was missed here: what was kept of round 4 stands for it.
  personal.keep([5, 7], fileBytes)
  assert.deepEqual(rounds(), [4, 7])
  assert.deepEqual(personal.latest(5, specs)?.[0]?.data, weights(4)[0]?.data)
  assert.equal(personal.at(5, specs), undefined)
})
