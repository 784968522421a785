/** A study as `wardround simulate` runs it: the whole federation in one process, and if it is wanted the pooled model beside it. */
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
import type { Image } from './images.ts'
import type { Splitting } from './partition.ts'
import { type Form, writeSites } from './prepare.ts'

export type Bed = { readonly trainer: Trainer; readonly signal: AbortSignal }
export type Asked = Splitting & {
  readonly images: readonly Image[]
  readonly folder: string
  readonly form: Form
  /** Whether to train on all images together, too. */
  readonly pooled: boolean
}

/** With a table a clinic in a folder of its own, which is gone afterwards. */
export async function runStudy(
  study: Study,
  { images, folder, form, pooled, ...splitting }: Asked,
  { trainer, signal }: Bed,
): Promise<Results> {
  const home = mkdtempSync(join(tmpdir(), 'wardround-brain-'))
  const dataFolder = join(home, 'data')
  const names = writeSites({ images, folder, form }, dataFolder, splitting)
  const sites = names.map((name) => {
    const config = readConfig(join(dataFolder, `${name}.yaml`))
    // What a clinic has decoded and prepared is used for the pooled model, too.
    return { name, config, dataFolder, dataset: datasetCache({ config, folder: dataFolder, site: name }) }
  })
  const parsed = validatePlan({ ...study, seed: splitting.seed })
  const { planHash } = parsed
  const quiet = { onEvent: () => undefined, log: () => undefined }
  const world = { trainer, ...realWorld, version: packageJson.version, signal, ...quiet }
  try {
    return await simulate({ parsed, sites, folder: join(home, 'sites'), ...world }, async ({ results }) => {
      const { preparation } = results
      if (preparation === null || !pooled) return results
      const own = { study: parsed.study, planHash, preparation, sites, trainer, signal }
      return withCentralised(results, await trainCentralised(own))
    })
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}
