/** `wardround simulate`: a researcher at a desk. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { weightSpecs } from '@wardround/core/graph/network.ts'
import { preparedInputs } from '@wardround/core/preparation/schema.ts'
import { resultTable } from '@wardround/core/report/table.ts'
import { decodeWeights } from '@wardround/core/safetensors.ts'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import { usageWords } from '@wardround/core/words/en/usage.ts'
import { parseConfig, readConfig } from '@wardround/site/config.ts'
import { datasetCache } from '@wardround/site/dataset.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import { publicResults } from '../federation.ts'
import { createScreen } from '../live.ts'
import { machineOf } from '../machine.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import { changedPlan } from '../plan-changes.ts'
import { readStudy } from '../read-study.ts'
import type { Runtime } from '../runtime.ts'
import { trainCentralised, withCentralised } from '../simulate/centralised.ts'
import { type SimulatedSite, simulate } from '../simulate/federation.ts'
import { usageOf } from '../usage.ts'
import { writeReport } from './study.ts'

type Options = CommonOptions & { site?: readonly string[]; out?: string; seed?: string; strategy?: string }

export async function simulateCommand(
  runtime: Runtime,
  { args: [file = ''], options }: { args: readonly string[]; options: Options },
): Promise<Outcome> {
  const parsed = changedPlan(readStudy(file), options, 'simulate')
  const sites = sitesOf(options.site ?? [])
  const { clock, entropy, ed25519, disk, version, signal, stderr } = runtime
  const folder = mkdtempSync(join(tmpdir(), 'wardround-'))
  const trainer = createTrainer()
  const screen = createScreen(stderr)
  try {
    const log = (level: string, message: string): void => (level === 'info' ? undefined : screen.note(message))
    const results = await simulate(
      { parsed, sites, folder, trainer, clock, entropy, ed25519, disk, version, signal, onEvent: screen.apply, log },
      async ({ results: found }) => {
        if (found.preparation === null) return found
        const pooled = sites.map(({ name, config, dataFolder }) => ({
          name,
          dataset: datasetCache({ config, folder: dataFolder, site: name }),
        }))
        const centralised = await trainCentralised({
          study: parsed.study,
          planHash: parsed.planHash,
          preparation: found.preparation,
          sites: pooled.toSorted(byName),
          trainer,
          ...(parsed.firstWeights === undefined
            ? {}
            : {
                first: decodeWeights(
                  parsed.firstWeights,
                  weightSpecs(parsed.study.model, preparedInputs(found.preparation)),
                ),
              }),
          signal,
        })
        return { ...withCentralised(found, centralised), machine: machineOf(version) }
      },
    )
    screen.end()
    const seconds = (clock.now() - runtime.startedAt) / 1000
    const written = options.out === undefined ? [] : writeReport(options.out, results)
    const data = { synthetic: false, ...publicResults(results), seconds, written }
    return {
      data,
      lines: [...resultTable(results, runtime.stdout), ...written.map(cliWords.wrote), cliWords.finished(seconds)],
    }
  } finally {
    screen.end()
    await trainer.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1)

function sitesOf(typed: readonly string[]): readonly SimulatedSite[] {
  if (typed.length === 0) throw usage(usageWords.noSites())
  const sites = typed.map(siteOf)
  const twice = sites.find(({ name }, index) => sites.findIndex((other) => other.name === name) < index)
  if (twice !== undefined) throw usage(usageWords.siteTwice(twice.name))
  return sites
}

const usage = usageOf('simulate')

/** `name=table.csv`: columns are called as in the study; `name=site.yaml`: as that file says. */
function siteOf(text: string): SimulatedSite {
  const [, name = '', file = ''] = /^([a-z0-9][a-z0-9-]*)=(.+)$/.exec(text) ?? []
  if (name === '') throw usage(usageWords.noSite(text))
  const path = resolve(file)
  const dataFolder = dirname(path)
  const config = ['.yaml', '.yml'].includes(extname(path))
    ? readConfig(path)
    : parseConfig(`data: { file: ${JSON.stringify(basename(path))} }`, file)
  return { name, config, dataFolder }
}
