import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ownPreparation } from '@wardround/core/preparation/own.ts'
import { sha256Hex } from '@wardround/core/protocol/canonical.ts'
import { parseStudy } from '@wardround/core/protocol/plan.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { encodeWeights } from '@wardround/core/safetensors.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { preparedWith } from '@wardround/site/dataset.ts'
import { compare, predict } from '@wardround/site/evaluation.ts'
import { trainAlone } from '@wardround/site/local-training.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import { trainTogether } from '../../examples/shared/in-memory.ts'
import { csvOf, type HeartRecord, siteNames } from '../fed-heart-disease.ts'
import { candidates } from './candidates.ts'
import { accuracies, runFederation } from './federation.ts'
import { heartHospitalOf } from './quick.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-quick-'))
const trainer = createTrainer()
after(async () => {
  await trainer.close()
  rmSync(folder, { recursive: true })
})

const { study } = parseStudy(readFileSync(new URL('study.yaml', import.meta.url), 'utf8'))

/** Numbers in the study's ranges, and an outcome that follows them now and then. */
function recordsOf(site: string, count: number): HeartRecord[] {
  const random = seededRandom(['quick', site])
  return Array.from({ length: count }, (_, row): HeartRecord => {
    const limitOf = (name: string): number => (/_|sex|fbs|exang/.test(name) ? 2 : name === 'oldpeak' ? 20 : 100)
    const features = Object.fromEntries(
      Object.keys(study.data.columns).map((name) => [name, random.below(limitOf(name))]),
    )
    const ill = Number(features.age) + random.below(60) > 80
    return { part: row % 4 === 0 ? 'test' : 'training', features, num: ill ? 1 : 0 }
  })
}

test('in memory there come out the weights of the whole federation, to the bit, and of every hospital alone', async () => {
  const records = new Map(siteNames.map((site, index) => [site, recordsOf(site, 48 + 8 * index)]))
  for (const [site, own] of records) writeFileSync(join(folder, `${site}.csv`), csvOf(own))
  const tried = new Map(candidates(study).map((candidate) => [candidate.name, candidate.study]))
  for (const name of ['personal bias, rate 0.02, l2 0.01', 'fedProx, mu 0.1', 'fedAdam, rate 0.03', 'scaled by all']) {
    const own: Study = { ...(tried.get(name) ?? assert.fail(name)), rounds: { maximum: 3, deadline: '10m' } }
    const { results } = await runFederation(
      own,
      { folder, sites: siteNames },
      { bed: { trainer, folder, signal: new AbortController().signal }, after: async (simulated) => simulated },
    )
    const hospitals = siteNames.map((site) => heartHospitalOf(own, site, records.get(site) ?? []))
    const together = await trainTogether(own, hospitals, trainer)
    for (const { weights } of together) {
      const shared = weights.filter((tensor) => !own.model.personal.includes(tensor.name))
      assert.equal(sha256Hex(encodeWeights(shared)), results.weightsSha256, name)
    }
    const shown: { federated: Record<string, number>; local: Record<string, number> } = { federated: {}, local: {} }
    for (const [index, { site, prepared, weights }] of together.entries()) {
      const { records: read } = hospitals[index] ?? assert.fail(site)
      const alone = preparedWith(read, ownPreparation(own, read, site))
      const trained = await trainAlone({ trainer, site }, own, { prepared: alone, maximumRounds: 3 })
      const accuracy = async (inputs: typeof prepared.test, model: typeof weights): Promise<number> => {
        const scores = [await predict(trainer, own, { weights: model, inputs })]
        return compare(own, { scores, inputs, labels: ['test'] }).results[0]?.accuracy.value ?? Number.NaN
      }
      shown.federated[site] = await accuracy(prepared.test, weights)
      shown.local[site] = await accuracy(alone.test, trained.weights)
    }
    assert.deepEqual(shown, { federated: accuracies(results, 'federated'), local: accuracies(results, 'local') }, name)
  }
})
