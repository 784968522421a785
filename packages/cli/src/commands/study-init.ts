/** `wardround study init DATA.csv`: a first draft of a study, from what the table looks like. */
import { existsSync } from 'node:fs'
import { basename, extname } from 'node:path'
import { draftStudy } from '@wardround/core/draft/study-draft.ts'
import { columnSampler } from '@wardround/core/draft/study-sample.ts'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import { usageWords } from '@wardround/core/words/en/usage.ts'
import { parseConfig } from '@wardround/site/config.ts'
import { tableRecords } from '@wardround/site/data/load.ts'
import { writeOut } from '../homes.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import type { Runtime } from '../runtime.ts'
import { usageOf } from '../usage.ts'

type Options = CommonOptions & { name?: string; target?: string; out?: string }

/** The draft goes to stdout, or to --out; an existing file is never overwritten. Errors: those of reading the table and of draftStudy. */
export async function studyInit(
  _: Runtime,
  { args: [file = ''], options }: { args: readonly string[]; options: Options },
): Promise<Outcome> {
  const config = parseConfig(`data: { file: ${JSON.stringify(file)} }`, file)
  const { columns, records } = await tableRecords(config, process.cwd())
  const sampler = columnSampler(columns)
  for await (const record of records) sampler.add(record)
  const name = nameFrom(options.name ?? basename(file, extname(file)))
  const draft = draftStudy({
    name,
    file,
    columns: sampler.finish(),
    ...(options.target === undefined ? {} : { target: options.target }),
  })
  if (options.out !== undefined) {
    if (existsSync(options.out)) throw usageOf('study init')(usageWords.exists(options.out))
    writeOut(options.out, draft.text)
  }
  const data = {
    name,
    target: draft.target,
    names: Object.fromEntries(draft.names),
    leftOut: draft.leftOut,
    study: draft.text,
  }
  return {
    data,
    lines:
      options.out === undefined
        ? [draft.text]
        : [cliWords.wrote(options.out), cliWords.next(`wardround study check ${options.out}`)],
  }
}

/** A name as a study may have it. */
const nameFrom = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63) || 'study'
