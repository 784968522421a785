/** Strategies for unlike hospitals in whole federations, with training as it is. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import { parseConfig } from '@wardround/site/config.ts'
import { realDisk } from '@wardround/site/real-disk.ts'

import { testCsv, testEntropy, testPlan } from '@wardround/site/testing/hospital.ts'
import { ed25519 } from '@wardround/site/testing/keys.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import { type SimulatedSite, simulate } from './federation.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-strategies-'))
const trainer = createTrainer()
after(async () => {
  await trainer.close()
  rmSync(folder, { recursive: true })
})

/** 46 patients are 32 to train on, 100 are 70: four steps of batches of 8, and nine. */
const site = (name: string, patients: number): SimulatedSite => {
  const dataFolder = join(folder, name)
  mkdirSync(dataFolder, { recursive: true })
  writeFileSync(join(dataFolder, 'data.csv'), testCsv(patients))
  return {
    name,
    dataFolder,
    config: parseConfig('data: { file: data.csv }\npolicy: { minimumCohort: 5 }', 'site.yaml'),
  }
}
const alike = [site('east', 46), site('north', 46), site('south', 46)]
const unlike = [site('large', 100), site('small', 46)]

let runs = 0
async function weightsOf(
  strategy: object,
  sites: readonly SimulatedSite[],
  rounds: object = { maximum: 3 },
): Promise<string | null> {
  const parsed = validatePlan({ ...testPlan, strategy, rounds })
  runs += 1
  return simulate(
    {
      parsed,
      sites,
      folder: join(folder, `run-${runs}`),
      trainer,
      clock: virtualClock(sites.length + 2),
      entropy: testEntropy(),
      ed25519,
      disk: realDisk(),
      version: '0.1.0',
      signal: new AbortController().signal,
      onEvent: () => undefined,
      log: () => undefined,
    },
    async ({ results }) => {
      assert.equal(results.outcome, 'completed')
      return results.weightsSha256
    },
  )
}

const fair = (q: number) => ({ qFedAvg: { q, lipschitz: 10 } })

test('of hospitals that take as many steps and have as many records, FedNova and q-FedAvg with q = 0 are FedAvg, to the bit', async () => {
  const average = await weightsOf({ fedAvg: {} }, alike)
  assert.equal(await weightsOf({ fedNova: {} }, alike), average)
  // Sums of 32 times a Float32 are as exact as sums of once.
  assert.equal(await weightsOf(fair(0), alike), average)
  assert.notEqual(await weightsOf(fair(1), alike), average)
})

test('SCAFFOLD: its first round is FedAvg’s, to the bit, its second is not; the same again', async () => {
  const rounds = (maximum: number) => ({ maximum })
  assert.equal(await weightsOf({ scaffold: {} }, alike, rounds(1)), await weightsOf({ fedAvg: {} }, alike, rounds(1)))
  const two = await weightsOf({ scaffold: {} }, alike, rounds(2))
  assert.notEqual(two, await weightsOf({ fedAvg: {} }, alike, rounds(2)))
  assert.equal(await weightsOf({ scaffold: {} }, alike, rounds(2)), two)
})

test('FedDyn: as FedProx with the same pull and twice the step in its first round, another model in its second; the same again', async () => {
  const fedDyn = { fedDyn: { alpha: 0.1 } }
  const fedProx = { fedProx: { mu: 0.1, rate: 2 } }
  assert.equal(await weightsOf(fedDyn, alike, { maximum: 1 }), await weightsOf(fedProx, alike, { maximum: 1 }))
  const two = await weightsOf(fedDyn, alike, { maximum: 2 })
  assert.notEqual(two, await weightsOf(fedProx, alike, { maximum: 2 }))
  assert.equal(await weightsOf(fedDyn, alike, { maximum: 2 }), two)
})

test('of unlike ones each is another model, and the same again', async () => {
  const strategies = [{ fedAvg: {} }, { fedNova: {} }, fair(0), fair(1)]
  const found: (string | null)[] = []
  for (const strategy of strategies) found.push(await weightsOf(strategy, unlike))
  assert.equal(new Set(found).size, strategies.length)
  for (const [index, strategy] of strategies.entries()) assert.equal(await weightsOf(strategy, unlike), found[index])
})
