/** One of FLamby's recipes for one seed: accuracy at each centre's test records, scaled by that centre's training records, as FLamby measures. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { splitSpecs } from '@wardround/core/graph/network.ts'
import { ownPreparation } from '@wardround/core/preparation/own.ts'
import { splitPatients } from '@wardround/core/preparation/split.ts'
import { decodeWeights } from '@wardround/core/safetensors.ts'
import type { Study } from '@wardround/core/study/study.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { parseConfig } from '@wardround/site/config.ts'
import { loadTable } from '@wardround/site/data/load.ts'
import { preparedWith } from '@wardround/site/dataset.ts'
import { predict } from '@wardround/site/evaluation.ts'
import { bytesOf } from '@wardround/site/http.ts'
import { centerSites, csvOf, readCenter, siteNames } from '../fed-heart-disease.ts'
import { accuracies, type Bed, type PerCentre, runFederation } from './federation.ts'
import type { Recipe } from './recipes.ts'
import { torchStart } from './torch-start.ts'

/** `tables` is a folder with each centre's table and one of all of them, `pooled.csv`. */
export type Setting = { readonly study: Study; readonly tables: string; readonly bed: Bed }

export const writePooled = ({ from, to }: { from: string; to: string }): void =>
  writeFileSync(join(to, 'pooled.csv'), csvOf(centerSites.flatMap((_, center) => readCenter(from, center))))

export async function reproduce(recipe: Recipe, seed: number, setting: Setting): Promise<PerCentre> {
  const { study: base, tables, bed } = setting
  const study: Study = { ...base, ...recipe.change, seed, model: { ...base.model, start: torchStart(seed) } }
  switch (recipe.kind) {
    case 'federation':
    case 'alone': {
      const of = recipe.kind === 'alone' ? 'local' : 'federated'
      const sites = { folder: tables, sites: siteNames }
      return runFederation(study, sites, { bed, after: async ({ results }) => accuracies(results, of) })
    }
    case 'cleveland only':
      return everywhere(await trainedAt('cleveland', study, setting), study, setting)
    case 'pooled': {
      // FLamby scales the records that it trains on by all of them together, and those that it tests on by their own centre's.
      const together: Study = { ...study, data: { ...study.data, normalise: 'global' } }
      return everywhere(await trainedAt('pooled', together, setting), study, setting)
    }
  }
}

/** The weights of a federation of one. */
const trainedAt = (site: string, study: Study, { tables, bed }: Setting): Promise<Weights> =>
  runFederation(
    study,
    { folder: tables, sites: [site] },
    {
      bed,
      after: async ({ results, client }) => {
        const params = { study: results.studyId }
        const bytes = await bytesOf(await client.download('model', { params, query: { format: 'safetensors' } }))
        return decodeWeights(bytes, splitSpecs(study.model, Object.keys(study.data.columns).length).shared)
      },
    },
  )

/** The share of each centre's test records that a model gets right. */
async function everywhere(weights: Weights, study: Study, { tables: folder, bed }: Setting): Promise<PerCentre> {
  const shares: Record<string, number> = {}
  for (const site of siteNames) {
    const config = parseConfig(`data: { file: ${site}.csv }`, `${site}.yaml`)
    const { table, findings } = await loadTable({ config, folder, study })
    const records = { table, findings, split: splitPatients(table, study, site) }
    const { test } = preparedWith(records, ownPreparation(study, records, site))
    const scores = await predict(bed.trainer, study, { weights, inputs: test })
    shares[site] = scores.filter((score, row) => (score >= 0.5 ? 1 : 0) === test.target[row]).length / test.rows
  }
  return shares
}
