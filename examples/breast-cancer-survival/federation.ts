/** The six regions together, all their patients in one place, and each region by itself: results, and what each model says of each test patient. */
import { weightSpecs } from '@wardround/core/graph/network.ts'
import { ownPreparation } from '@wardround/core/preparation/own.ts'
import { preparedInputs } from '@wardround/core/preparation/schema.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import { decodeWeights } from '@wardround/core/safetensors.ts'
import type { Study } from '@wardround/core/study/study.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { preparedWith } from '@wardround/site/dataset.ts'
import { predict } from '@wardround/site/evaluation.ts'
import { trainAlone } from '@wardround/site/local-training.ts'
import { type Bed, type Found, inOneProcess } from '../shared/federation.ts'
import type { Patient } from './patients.ts'
import { writeSites } from './prepare.ts'

export const models = ['federated', 'centralised', 'local'] as const
export type Model = (typeof models)[number]

/** The test patients of a region. */
export type Tested = {
  readonly region: string
  readonly patients: readonly string[]
  /** [rows, 2]: days, and 1 for a death or 0 for the end of observation. */
  readonly target: Float32Array
  /** Log-hazards. */
  readonly scores: Readonly<Record<Model, Float32Array>>
}

export type Run = { readonly results: Results; readonly tested: readonly Tested[] }

export async function runStudy(study: Study, patients: readonly Patient[], bed: Bed): Promise<Run> {
  const tested: Tested[] = []
  const results = await inOneProcess(
    study,
    {
      seed: study.seed,
      pooled: true,
      writeSites: (to) => writeSites(patients, to),
      look: async (found) => void tested.push(...(await scoresOf(found, bed))),
    },
    bed,
  )
  return { results, tested }
}

/** The intervals of all regions together need them: a hospital sends counts of pairs alone (docs/decisions/0039-survival-times.md). */
async function scoresOf(found: Found, { trainer, signal }: Bed): Promise<readonly Tested[]> {
  const { study, planHash, preparation, sites, pooledWeights = [] } = found
  const federated = await sharedWeights(found)
  const all: Tested[] = []
  for (const { name, dataset } of sites) {
    const prepared = await dataset.prepared(study, planHash, preparation)
    // The same as at the site, to the bit: packages/site/src/work.ts.
    const own = preparedWith(prepared.records, ownPreparation(study, prepared.records, name))
    const maximumRounds = study.rounds.maximum
    const alone = await trainAlone({ trainer, site: name, signal }, study, { prepared: own, maximumRounds })
    const scores = (weights: Weights, { test }: typeof prepared) => predict(trainer, study, { weights, inputs: test })
    all.push({
      region: name,
      patients: prepared.test.patients,
      target: prepared.test.target,
      scores: {
        federated: await scores(federated, prepared),
        centralised: await scores(pooledWeights, prepared),
        local: await scores(alone.weights, own),
      },
    })
  }
  return all
}

async function sharedWeights({ client, results, study, preparation }: Found): Promise<Weights> {
  const asked = { params: { study: results.studyId }, query: { format: 'safetensors' } } as const
  const { body } = await client.download('model', asked)
  const bytes = Buffer.concat(await Array.fromAsync(body))
  return decodeWeights(bytes, weightSpecs(study.model, preparedInputs(preparation)))
}
