/** `wardround site journal verify|show`: the auditor's part. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import { readJournal } from '@wardround/site/journal.ts'
import { siteFolder } from '../homes.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import type { Runtime } from '../runtime.ts'

type Typed = { readonly args: readonly string[]; readonly options: CommonOptions & { dir?: string } }

/** A journal begins when a site joins: where there is none, nothing was looked at. Errors: WR_NOT_JOINED. */
function journalPath(runtime: Runtime, dir: string | undefined): string {
  const directory = siteFolder(runtime, dir)
  const path = join(directory, 'journal.ndjson')
  if (!existsSync(path)) throw new WardroundError('WR_NOT_JOINED', { directory })
  return path
}

/** Errors: WR_CHAIN_BROKEN, with the first entry that does not fit. */
export async function journalVerify(runtime: Runtime, { options }: Typed): Promise<Outcome> {
  const path = journalPath(runtime, options.dir)
  const { entries, broken, tornBytes } = readJournal(runtime.disk, path)
  if (broken !== undefined) throw new WardroundError('WR_CHAIN_BROKEN', { file: path, sequence: broken })
  const releasedBytes = entries.reduce(
    (sum, { kind, body }) => sum + (kind === 'released' ? Number(body.sizeBytes) : 0),
    0,
  )
  return {
    data: { holds: true, entries: entries.length, releasedBytes, tornBytes, lastHash: entries.at(-1)?.hash ?? null },
    lines: [
      cliWords.journalHolds(entries.length, releasedBytes),
      ...(tornBytes > 0 ? [cliWords.journalTorn(tornBytes)] : []),
    ],
  }
}

export async function journalShow(runtime: Runtime, { options }: Typed): Promise<Outcome> {
  const { entries } = readJournal(runtime.disk, journalPath(runtime, options.dir))
  const lines = entries.map(({ at, kind, body }) => `${at}  ${kind}  ${fields(body).join(' ')}`)
  return { data: { entries }, lines }
}

/** `name=value`, and `name.inner=value` of what has parts. */
const fields = (body: object, prefix = ''): string[] =>
  Object.entries(body).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null
      ? fields(value, `${prefix}${name}.`)
      : [`${prefix}${name}=${String(value)}`],
  )
