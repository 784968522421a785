import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { realDisk } from './real-disk.ts'
import { clearScratch, dropScratch, scratchWeights } from './scratch.ts'

const specs = [{ name: 'a.kernel', shape: [2] }]
const weights = (...values: readonly number[]) => specs.map((spec) => ({ ...spec, data: Float32Array.from(values) }))

function place(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-scratch-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return { disk: realDisk(), folder, scratch: join(folder, 'scratch') }
}

test('the weights that were put last are taken, and then there is no file of them', (t) => {
  const at = place(t)
  const best = scratchWeights(at, 'heart', specs)
  best.put(weights(1, 2))
  best.put(weights(3, 4))
  const [file = ''] = readdirSync(at.scratch)
  if (process.platform !== 'win32') assert.equal(statSync(join(at.scratch, file)).mode & 0o777, 0o600)
  assert.deepEqual(best.take(), weights(3, 4))
  assert.deepEqual(readdirSync(at.scratch), [])
})

test('what a disk has changed, or lost, is not taken', (t) => {
  const at = place(t)
  const best = scratchWeights(at, 'heart', specs)
  const lost = (error: unknown) => error instanceof WardroundError && error.code === 'WR_DISK'
  best.put(weights(1, 2))
  const file = join(at.scratch, 'heart.safetensors')
  const bytes = readFileSync(file)
  writeFileSync(file, bytes.with(bytes.length - 1, 0x41))
  assert.throws(() => best.take(), lost)
  assert.throws(() => best.take(), lost)
})

test('what a crash has left is cleared away', (t) => {
  const at = place(t)
  clearScratch(at)
  scratchWeights(at, 'heart', specs).put(weights(1, 2))
  writeFileSync(join(at.scratch, 'lungs.safetensors.new'), 'beg')
  clearScratch(at)
  assert.deepEqual(readdirSync(at.scratch), [])
})

test("of a task that is over nothing is left, and another study's stays", (t) => {
  const at = place(t)
  const [own, other] = [scratchWeights(at, 'heart', specs), scratchWeights(at, 'lungs', specs)]
  own.put(weights(1, 2))
  other.put(weights(3, 4))
  dropScratch(at, 'heart')
  // There may be none.
  dropScratch(at, 'heart')
  assert.deepEqual(readdirSync(at.scratch), ['lungs.safetensors'])
  assert.deepEqual(other.take(), weights(3, 4))
})
