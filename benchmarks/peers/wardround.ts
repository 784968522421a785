/**
 * The study in Wardround, as the demo runs a federation: a coordinator and four sites, each its own process with its own folder,
 * enrolled by token, on TLS. Arguments: study, folder of data, empty folder, result file, rounds.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runDemo } from '@wardround/cli/demo/demo.ts'
import { WardroundError } from '@wardround/core/errors.ts'
import { parseStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import { siteNames } from '../fed-heart-disease.ts'
import { benchRuntime } from '../runtime.ts'

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())

const runtime = benchRuntime(interrupted.signal)

/** What the peers write too (common/heart.py, write_result). Errors: WR_NOT_FOUND where a hospital's accuracy is hidden. */
function resultOf(results: Results): Record<string, unknown> {
  const accuracies = results.sites.map(({ name, federated }) => {
    const { value } = federated.accuracy
    if (value === null) throw new WardroundError('WR_NOT_FOUND', { what: 'accuracy of', name })
    return [name, value] as const
  })
  return {
    system: 'Wardround',
    accuracy: accuracies.reduce((sum, [, value]) => sum + value, 0) / accuracies.length,
    accuracyBySite: Object.fromEntries(accuracies),
    roundEnds: results.rounds
      .filter(({ state }) => state === 'completed')
      .map(({ endedAt }) => Date.parse(endedAt) / 1000),
  }
}

const [, , study = '', data = '', out = '', resultFile = '', rounds = ''] = process.argv
const { plan } = parseStudy(readFileSync(study, 'utf8'), study)
const siteFiles = join(out, 'site-files')
mkdirSync(siteFiles, { recursive: true })
for (const site of siteNames) {
  writeFileSync(join(siteFiles, `${site}.yaml`), `name: ${site}\ndata:\n  file: ${site}.csv\n`)
}
const results = await runDemo(runtime, {
  parsed: validatePlan({ ...plan, rounds: { ...Object(plan.rounds), maximum: Number(rounds) } }),
  sites: siteNames,
  siteFiles,
  dataFolder: data,
  out,
  store: 'sqlite',
  screen: { apply: () => undefined, note: () => undefined, end: () => undefined },
})
writeFileSync(`${resultFile}.partial`, JSON.stringify(resultOf(results)))
renameSync(`${resultFile}.partial`, resultFile)
