/** A site's folder opened for a command, with or without its data. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { siteWords } from '@wardround/core/words/en/site.ts'
import { type OpenSite, openSite, type SiteOptions } from '@wardround/site/agent.ts'
import { readConfig } from '@wardround/site/config.ts'
import type { SiteLog } from '@wardround/site/context.ts'
import { sharesOf, trainerPool } from '@wardround/site/training/pool.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import { siteFolder } from './homes.ts'
import type { Runtime } from './runtime.ts'

export type SiteCommandOptions = { readonly dir?: string; readonly config?: string }

/** Where site.yaml is: given, or in the site's folder. Errors: WR_DATA_MISSING. */
export function configPath(folder: string, given?: string): string {
  const path = resolve(given ?? join(folder, 'site.yaml'))
  if (!existsSync(path)) throw new WardroundError('WR_DATA_MISSING', { file: path })
  return path
}

export function siteOptions(runtime: Runtime, options: SiteCommandOptions, log: SiteLog): SiteOptions {
  const { clock, entropy, ed25519, disk, version, signal } = runtime
  const folder = siteFolder(runtime, options.dir)
  const path = configPath(folder, options.config)
  const config = readConfig(path)
  const { device, atOnce: asked, cores, ...limits } = config.training
  const shares = sharesOf({ asked, cores })
  const { atOnce } = shares
  if (asked !== undefined && asked > atOnce) log('warn', siteWords.fewerAtOnce(asked, atOnce))
  return {
    folder,
    config,
    dataFolder: dirname(path),
    // What is handed to it may be records: they stay on the disk that this hospital chose for its site.
    trainer: trainerPool(shares, (own) => createTrainer({ folder, limits, device, cores: own })),
    atOnce,
    clock,
    entropy,
    ed25519,
    disk,
    version,
    log,
    signal,
  }
}

/** With an open site for as long as `work` takes. */
export async function withSite<T>(
  runtime: Runtime,
  options: SiteCommandOptions,
  work: (site: OpenSite) => Promise<T>,
): Promise<T> {
  const given = siteOptions(runtime, options, () => undefined)
  const site = await openSite(given)
  try {
    return await work(site)
  } finally {
    await site.close()
    await given.trainer.close()
  }
}
