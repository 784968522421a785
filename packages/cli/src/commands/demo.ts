/** `wardround demo` */
import { writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { resultTable } from '@wardround/core/report/table.ts'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import { usageWords } from '@wardround/core/words/en/usage.ts'
import { twinFiles } from '../../../../examples/heart-disease/twin.ts'
import { findData } from '../demo/data.ts'
import { claim, runDemo } from '../demo/demo.ts'
import { startPostgres } from '../demo/postgres.ts'
import { publicResults } from '../federation.ts'
import { createScreen } from '../live.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import { changedPlan } from '../plan-changes.ts'
import { readStudy } from '../read-study.ts'
import type { Runtime } from '../runtime.ts'
import { usageOf } from '../usage.ts'
import { writeReport } from './study.ts'

type Options = CommonOptions & {
  data?: string
  out?: string
  seed?: string
  sites?: string
  strategy?: string
  store?: string
}

const project = dirname(dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url))))))
const example = join(project, 'examples', 'heart-disease')
export const hospitals = ['cleveland', 'budapest', 'zurich', 'longbeach'] as const

export async function demoCommand(runtime: Runtime, { options }: { options: Options }): Promise<Outcome> {
  const { clock, stderr, stdout } = runtime
  const out = resolve(options.out ?? join('out', 'demo'))
  const screen = createScreen(options.json ? stderr : stdout)
  const sites = chosenSites(options.sites)
  const file = join(example, 'study.yaml')
  const { seed, strategy } = options
  const parsed = changedPlan(readStudy(file), { seed, strategy, hospitals: sites.length }, 'demo')
  const withPostgres = wantsPostgres(options.store)
  claim(out)
  const data = await findData({
    given: options.data,
    project,
    env: runtime.env,
    note: screen.note,
    out,
    synthesise: (folder) => {
      for (const [name, text] of twinFiles(parsed.study.seed)) writeFileSync(join(folder, name), text)
    },
  })
  const synthetic = data.source === 'synthetic'
  screen.note(synthetic ? cliWords.synthetic() : cliWords.dataFound(data.folder))
  const postgres = withPostgres ? await startPostgres(out) : undefined
  // Setting up a database server is not what the demo shows.
  const startedAt = postgres === undefined ? runtime.startedAt : clock.now()
  try {
    const results = await runDemo(runtime, {
      parsed,
      sites,
      siteFiles: join(example, 'sites'),
      dataFolder: data.folder,
      out,
      store: postgres?.url ?? 'sqlite',
      screen,
    })
    screen.end()
    const seconds = (clock.now() - startedAt) / 1000
    const written = writeReport(out, results, { synthetic })
    const closing = [
      ...(synthetic ? [cliWords.synthetic()] : []),
      ...written.map(cliWords.wrote),
      cliWords.demoFolder(out),
      cliWords.finished(seconds),
    ]
    return {
      data: { synthetic, ...publicResults(results), seconds },
      lines: [...resultTable(results, stdout), ...closing],
    }
  } finally {
    screen.end()
    await postgres?.stop()
  }
}

function chosenSites(text: string | undefined): readonly string[] {
  const wanted = text?.split(',').map((name) => name.trim()) ?? [...hospitals]
  const unknown = wanted.find((name) => !hospitals.some((known) => known === name))
  if (unknown !== undefined) throw usage(usageWords.noHospital(unknown, hospitals))
  return [...new Set(wanted)]
}

function wantsPostgres(store = 'sqlite'): boolean {
  if (store !== 'sqlite' && store !== 'postgres') throw usage(usageWords.noStore(store, ['sqlite', 'postgres']))
  return store === 'postgres'
}

const usage = usageOf('demo')
