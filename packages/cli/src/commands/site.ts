/** `wardround site join|run|status|leave` */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import { configWords } from '@wardround/core/words/en/config.ts'
import { runSite } from '@wardround/site/agent.ts'
import { writeDurably } from '@wardround/site/files.ts'
import { membershipOf } from '@wardround/site/identity.ts'
import { joinNetwork } from '@wardround/site/join.ts'
import { readJournal } from '@wardround/site/journal.ts'
import { readText, siteFolder } from '../homes.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import type { Runtime } from '../runtime.ts'
import { siteOptions, withSite } from '../site-session.ts'

type Options = CommonOptions & { dir?: string; config?: string; ca?: string }
type Typed = { readonly args: readonly string[]; readonly options: Options }

export async function siteJoin(runtime: Runtime, { args: [token = ''], options }: Typed): Promise<Outcome> {
  const { clock, entropy, ed25519, disk, version } = runtime
  const authority = options.ca === undefined ? {} : { authority: readText(options.ca) }
  const folder = siteFolder(runtime, options.dir)
  const { site, url } = await joinNetwork({ folder, token, ...authority, clock, entropy, ed25519, disk, version })
  const config = join(folder, 'site.yaml')
  if (!existsSync(config)) writeDurably(disk, config, configWords.template())
  return { data: { site, url, config }, lines: cliWords.joined({ site, url, config }) }
}

/** Runs until Ctrl-C. What it does goes to stderr, a line each. */
export async function siteRun(runtime: Runtime, { options }: Typed): Promise<Outcome> {
  const { clock, disk, stderr } = runtime
  const given = siteOptions(runtime, options, (level, message, cause) => {
    const behind = options.verbose && cause instanceof Error ? ` (${cause.message})` : ''
    stderr.write(`${new Date(clock.now()).toISOString()} ${level.padEnd(5)} ${message}${behind}\n`)
  })
  const { site, url } = membershipOf(disk, given.folder)
  stderr.write(`${cliWords.siteStarts(site, url)}\n`)
  try {
    await runSite(given)
  } finally {
    await given.trainer.close()
  }
  return { data: { site, stopped: true }, lines: [] }
}

export async function siteStatus(runtime: Runtime, { options }: Typed): Promise<Outcome> {
  const { disk } = runtime
  const folder = siteFolder(runtime, options.dir)
  const { site, url } = membershipOf(disk, folder)
  const journal = readJournal(disk, join(folder, 'journal.ndjson'))
  const released = journal.entries.filter(({ kind }) => kind === 'released')
  const pid = disk.lockedBy(join(folder, 'run.lock')) ?? null
  return {
    data: {
      site,
      url,
      pid,
      entries: journal.entries.length,
      released: released.length,
      journalHolds: journal.broken === undefined,
    },
    lines: [
      cliWords.statusLine(site, url, released.length),
      pid === null ? cliWords.notRunning() : cliWords.running(pid),
    ],
  }
}

export const siteLeave = (runtime: Runtime, { options }: Typed): Promise<Outcome> =>
  withSite(runtime, options, async (site) => {
    const name = site.membership.site
    site.journal.write('left', { site: name })
    await site.client.call('leave', { body: {} })
    return { data: { site: name, left: true }, lines: [cliWords.left(name)] }
  })
