/** A study as `wardround simulate` runs it: the whole federation in one process, and the pooled model beside it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { trainCentralised, withCentralised } from '@wardround/cli/simulate/centralised.ts'
import { simulate } from '@wardround/cli/simulate/federation.ts'
import { realWorld } from '@wardround/cli/world.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { readConfig } from '@wardround/site/config.ts'
import { datasetCache } from '@wardround/site/dataset.ts'
import type { Trainer } from '@wardround/site/training/trainer.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { type Splitting, writeSites } from './prepare.ts'
import type { Stay } from './stays.ts'

export type Bed = { readonly trainer: Trainer; readonly signal: AbortSignal }

/** With a table a site in a folder of its own, which is gone afterwards. */
export async function runStudy(
  study: Study,
  { stays, ...splitting }: Splitting & { readonly stays: readonly Stay[] },
  { trainer, signal }: Bed,
): Promise<Results> {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-icu-'))
  const dataFolder = join(folder, 'data')
  const sites = writeSites(stays, dataFolder, splitting).map((name) => ({
    name,
    config: readConfig(join(dataFolder, `${name}.yaml`)),
    dataFolder,
  }))
  const parsed = validatePlan({ ...study, seed: splitting.seed })
  const { planHash } = parsed
  const { version } = packageJson
  const quiet = { onEvent: () => undefined, log: () => undefined }
  try {
    return await simulate(
      { parsed, sites, folder: join(folder, 'sites'), trainer, ...realWorld, version, signal, ...quiet },
      async ({ results }) => {
        if (results.preparation === null) return results
        const pooled = sites.map(({ name, config }) => ({
          name,
          dataset: datasetCache({ config, folder: dataFolder, site: name }),
        }))
        const { preparation } = results
        const own = { study: parsed.study, planHash, preparation, sites: pooled, trainer, signal }
        return withCentralised(results, await trainCentralised(own))
      },
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
