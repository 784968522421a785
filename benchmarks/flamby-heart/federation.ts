/** A study as a whole federation in one process: the real coordinator, the real sites, the real trainer (packages/cli/src/simulate/federation.ts). */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { type Simulated, simulate } from '@wardround/cli/simulate/federation.ts'
import { realWorld } from '@wardround/cli/world.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { parseConfig } from '@wardround/site/config.ts'
import type { Trainer } from '@wardround/site/training/trainer.ts'
import { benchRuntime } from '../runtime.ts'

/** What all runs share. `folder` is for keys and journals. */
export type Bed = { readonly trainer: Trainer; readonly folder: string; readonly signal: AbortSignal }

/** Tables `SITE.csv` in one folder; `more` is what else stands in each site.yaml. */
export type Tables = { readonly folder: string; readonly sites: readonly string[]; readonly more?: SiteYaml }
type SiteYaml = { readonly data?: object; readonly policy?: object }

export function runFederation<T>(
  study: Study,
  { folder: dataFolder, sites, more = {} }: Tables,
  { bed, after }: { bed: Bed; after: (simulated: Simulated) => Promise<T> },
): Promise<T> {
  return simulate(
    {
      parsed: validatePlan(study),
      sites: sites.map((name) => {
        const yaml = JSON.stringify({ ...more, data: { ...more.data, file: `${name}.csv` } })
        return { name, config: parseConfig(yaml, `${name}.yaml`), dataFolder }
      }),
      folder: mkdtempSync(join(bed.folder, 'run-')),
      trainer: bed.trainer,
      ...realWorld,
      version: benchRuntime(bed.signal).version,
      signal: bed.signal,
      onEvent: () => undefined,
      log: () => undefined,
    },
    after,
  )
}

/** Accuracy at each hospital's test patients, by name; `local` is of the model that it trained alone. */
export type PerCentre = Readonly<Record<string, number>>
export const accuracies = ({ sites }: Results, of: 'federated' | 'local'): PerCentre =>
  Object.fromEntries(sites.map((site) => [site.name, site[of].accuracy.value ?? Number.NaN]))
