/** A study as `wardround simulate` runs it: the whole federation in one process, and if it is wanted the pooled model beside it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type CentralisedOptions,
  type PooledSite,
  trainCentralised,
  withCentralised,
} from '@wardround/cli/simulate/centralised.ts'
import { simulate } from '@wardround/cli/simulate/federation.ts'
import { realWorld } from '@wardround/cli/world.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import type { Study } from '@wardround/core/study/study.ts'
import type { Weights } from '@wardround/core/weights.ts'
import type { Client } from '@wardround/site/client.ts'
import { readConfig } from '@wardround/site/config.ts'
import { datasetCache } from '@wardround/site/dataset.ts'
import type { Trainer } from '@wardround/site/training/trainer.ts'
import packageJson from '../../package.json' with { type: 'json' }

export type Bed = { readonly trainer: Trainer; readonly signal: AbortSignal }

export type Federated = {
  readonly seed: number
  /** Whether to train on all records together, too. */
  readonly pooled: boolean
  /** Writes SITE.yaml and what it names for each site, and says their names. */
  writeSites(folder: string): readonly string[]
  /** Looks at the federation before it is gone. */
  look?(found: Found): Promise<void>
}

export type Found = Pick<CentralisedOptions, 'study' | 'planHash' | 'preparation'> & {
  readonly sites: readonly PooledSite[]
  /** Of the coordinator. */
  readonly client: Client
  readonly results: Results
  /** Those of all records together, if that was wanted. */
  readonly pooledWeights: Weights | undefined
}

/** With the sites' tables in a folder of their own, which is gone afterwards. */
export async function inOneProcess(
  study: Study,
  { seed, pooled, writeSites, look }: Federated,
  { trainer, signal }: Bed,
): Promise<Results> {
  const home = mkdtempSync(join(tmpdir(), 'wardround-example-'))
  const dataFolder = join(home, 'data')
  const sites = writeSites(dataFolder).map((name) => ({
    name,
    config: readConfig(join(dataFolder, `${name}.yaml`)),
    dataFolder,
  }))
  const parsed = validatePlan({ ...study, seed })
  const { planHash } = parsed
  const quiet = { onEvent: () => undefined, log: () => undefined }
  const world = { trainer, ...realWorld, version: packageJson.version, signal, ...quiet }
  try {
    return await simulate({ parsed, sites, folder: join(home, 'sites'), ...world }, async ({ results, client }) => {
      const { preparation } = results
      if (preparation === null) return results
      const datasets = sites.map(({ name, config }) => ({
        name,
        dataset: datasetCache({ config, folder: dataFolder, site: name }),
      }))
      const own = { study: parsed.study, planHash, preparation, sites: datasets }
      const centralised = pooled ? await trainCentralised({ ...own, trainer, signal }) : undefined
      await look?.({ ...own, client, results, pooledWeights: centralised?.weights })
      return centralised === undefined ? results : withCentralised(results, centralised)
    })
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}
