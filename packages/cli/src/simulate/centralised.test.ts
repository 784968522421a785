/** The pooled model beside the federation, held to what mathematics says that they have in common. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import type { ModelResult } from '@wardround/core/protocol/task.ts'
import { parseConfig } from '@wardround/site/config.ts'
import { datasetCache } from '@wardround/site/dataset.ts'
import { realDisk } from '@wardround/site/real-disk.ts'
import { testCsv, testEntropy, testPlan } from '@wardround/site/testing/hospital.ts'
import { ed25519 } from '@wardround/site/testing/keys.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import { pool, trainCentralised, withCentralised } from './centralised.ts'
import { type SimulatedSite, simulate } from './federation.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-centralised-'))
const trainer = createTrainer()
after(async () => {
  await trainer.close()
  rmSync(folder, { recursive: true })
})

function site(name: string, table: string): SimulatedSite {
  const dataFolder = join(folder, 'data', name)
  mkdirSync(dataFolder, { recursive: true })
  writeFileSync(join(dataFolder, 'data.csv'), table)
  return {
    name,
    dataFolder,
    config: parseConfig('data: { file: data.csv }\npolicy: { minimumCohort: 5 }', 'site.yaml'),
  }
}

/** One step of plain gradient descent a round, over all of a hospital's records at once. */
const oneStep = {
  ...testPlan,
  model: { layers: [{ dense: 1, name: 'output' }], personal: [] },
  training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.5 } }, batch: 1000, epochs: 1 },
  rounds: { maximum: 6 },
}

async function federate(name: string, plan: object, sites: readonly SimulatedSite[]): Promise<Results> {
  const parsed = validatePlan(plan)
  return simulate(
    {
      parsed,
      sites,
      folder: join(folder, name),
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
      assert.ok(results.preparation !== null)
      const pooled = sites.map((own) => ({
        name: own.name,
        dataset: datasetCache({ config: own.config, folder: own.dataFolder, site: own.name }),
      }))
      const { study, planHash } = parsed
      const { preparation } = results
      return withCentralised(results, await trainCentralised({ study, planHash, preparation, sites: pooled, trainer }))
    },
  )
}

const brier = (model: ModelResult | null): number => model?.brier.value ?? Number.NaN
/** Float32 weights after a few steps: the order of summing shows in the seventh digit. */
const close = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-5, `${a} and ${b}`)

test('one step a round over all records: the weighted mean of updates is the step of the pooled records (McMahan 2017, 2)', async () => {
  // Sick ones are older at one hospital and younger at another, so that what each learns alone is something else.
  const younger = testCsv(30).replaceAll(/,1,(\d+)/g, (_, age: string) => `,1,${Number(age) - 25}`)
  const results = await federate('one-step', oneStep, [
    site('east', testCsv(60)),
    site('north', younger),
    site('south', testCsv(44)),
  ])
  assert.equal(results.sites.length, 3)
  for (const { federated, centralised } of results.sites) close(brier(centralised), brier(federated))
  close(brier(results.overall.centralised), brier(results.overall.federated))
  const [, north] = results.sites
  assert.ok(Math.abs(brier(north?.local ?? null) - brier(north?.federated ?? null)) > 0.01, 'alone it is another model')
})

test('of one hospital the pooled model, the federated one and its own are one and the same, personal bias included', async () => {
  const plan = { ...oneStep, model: testPlan.model, rounds: { maximum: 4 } }
  const results = await federate('single', plan, [site('single', testCsv(60))])
  const [only] = results.sites
  assert.ok(only !== undefined)
  for (const metric of ['accuracy', 'auroc', 'brier'] as const) {
    const value = only.local[metric].value ?? Number.NaN
    close(only.federated[metric].value ?? Number.NaN, value)
    close(only.centralised?.[metric].value ?? Number.NaN, value)
  }
  assert.equal(only.nTest, 18, 'three tenths of thirty with and of thirty without')
})

test('of pooled times until an event each record keeps its own', () => {
  const part = (rows: number, target: readonly number[]) => ({
    features: new Float32Array(rows),
    rows,
    width: 1,
    target: Float32Array.from(target),
    targetWidth: 2,
    patients: Array.from({ length: rows }, (_, row) => `p${row}`),
  })
  const { target, targetWidth, group } = pool([part(2, [5, 1, 7, 0]), part(1, [6, 1])])
  assert.deepEqual([...target], [5, 1, 7, 0, 6, 1])
  assert.equal(targetWidth, 2)
  assert.deepEqual([...group], [0, 0, 1])
})
