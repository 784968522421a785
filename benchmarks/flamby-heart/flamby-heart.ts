/** `npm run bench -- flamby-heart`: every row of FLamby's table, and the best recipe against training alone. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { parseStudy } from '@wardround/core/protocol/plan.ts'
import { createTrainer } from '@wardround/site/training/trainer.ts'
import { siteNames, usualFolder, writeCenters } from '../fed-heart-disease.ts'
import { aligned } from '../figures.ts'
import { candidates } from './candidates.ts'
import { type Chosen, choose, chosenSchema } from './choose.ts'
import { accuracies, type PerCentre, runFederation } from './federation.ts'
import { type OverSeeds, overSeeds } from './figures.ts'
import { recipes, seeds } from './recipes.ts'
import { reproduce, type Setting, writePooled } from './reproduce.ts'
import { flambyHeartWords as words } from './words.ts'

export type FlambyHeartOptions = {
  /** Rows of the table, or `best`; absent: all. */
  readonly only?: readonly string[]
  /** The first so many of FLamby's. */
  readonly seeds?: number
  /** The folder of heart_disease with `original/` and `flamby_split.csv`. */
  readonly data?: string
  readonly note: (line: string) => void
  readonly signal: AbortSignal
}

export type FlambyHeartRow = OverSeeds & {
  readonly strategy: string
  readonly publishedMean: number
  readonly publishedSd: number
  /** Whether FLamby ran what the name says, as here. */
  readonly sameRecipe: boolean
}

export type Best = OverSeeds & {
  readonly recipe: string
  readonly localMeanOverCentres: number
  readonly localSd: number
  readonly localPerCentre: PerCentre
  readonly localRecipe: string
  /** Test patients that training alone gets right and the federation does not, less those of the other kind: a mean over seeds. */
  readonly patientsBehind: PerCentre
}

export type FlambyHeartReport = {
  readonly seeds: readonly number[]
  readonly rows: readonly FlambyHeartRow[]
  readonly best: Best | null
}

const here = (name: string): URL => new URL(name, import.meta.url)

/** A study and tables to run it on, gone afterwards. */
async function withSetting<T>(
  { data = usualFolder(), signal }: FlambyHeartOptions,
  work: (setting: Setting, from: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'wardround-flamby-'))
  const trainer = createTrainer()
  try {
    writeCenters({ from: data, to: folder })
    writePooled({ from: data, to: folder })
    const { study } = parseStudy(readFileSync(here('study.yaml'), 'utf8'), 'study.yaml')
    return await work({ study, tables: folder, bed: { trainer, folder, signal } }, data)
  } finally {
    await trainer.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Errors: WR_USAGE for a row that there is not, WR_DATA_MISSING. */
export function flambyHeartBench(options: FlambyHeartOptions): Promise<FlambyHeartReport> {
  const { note } = options
  const known = [...recipes.map(({ strategy }) => strategy), 'best']
  const only = options.only ?? known
  const wanted = (name: string): boolean => only.some((asked) => asked.toLowerCase() === name.toLowerCase())
  const unknown = only.find((asked) => !known.some((name) => name.toLowerCase() === asked.toLowerCase()))
  if (unknown !== undefined) throw usage(words.noStrategy(unknown, known))
  const used = seeds.slice(0, options.seeds)
  if ((options.seeds ?? 1) > seeds.length) throw usage(words.tooManySeeds(options.seeds ?? 0, seeds.length))
  return withSetting(options, async (setting) => {
    const rows: FlambyHeartRow[] = []
    for (const recipe of recipes.filter(({ strategy }) => wanted(strategy))) {
      note(words.running(recipe.strategy, used.length))
      const runs: PerCentre[] = []
      for (const seed of used) runs.push(await reproduce(recipe, seed, setting))
      const figures = overSeeds(runs)
      note(words.ran(figures.meanOverCentres, figures.sd))
      const { mean: publishedMean, sd: publishedSd } = recipe.published
      rows.push({ strategy: recipe.strategy, ...figures, publishedMean, publishedSd, sameRecipe: recipe.same })
    }
    const best = wanted('best') ? await runBest(setting, used, note) : null
    return { seeds: used, rows, best }
  })
}

const usage = (problem: string): WardroundError => new WardroundError('WR_USAGE', { problem, command: 'bench' })

/** The recipe that was chosen for the federation, and the one that was chosen for training alone, on the test records. */
async function runBest(setting: Setting, used: readonly number[], note: (line: string) => void): Promise<Best> {
  const chosen = chosenSchema.parse(JSON.parse(readFileSync(here('chosen.json'), 'utf8')))
  const found: Record<'federated' | 'local', PerCentre[]> = { federated: [], local: [] }
  const tests = new Map<string, number>()
  for (const model of ['federated', 'local'] as const) {
    note(words.running(`${model === 'local' ? words.alone() : words.together()}: ${chosen[model]}`, used.length))
    const candidate = candidates(setting.study).find(({ name }) => name === chosen[model])
    if (candidate === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'recipe', name: chosen[model] })
    for (const seed of used) {
      const sites = { folder: setting.tables, sites: siteNames }
      const after = async ({ results }: Parameters<Parameters<typeof runFederation>[2]['after']>[0]): Promise<void> => {
        found[model].push(accuracies(results, model))
        for (const { name, nTest } of results.sites) tests.set(name, nTest ?? Number.NaN)
      }
      await runFederation({ ...candidate.study, seed }, sites, { bed: setting.bed, after })
    }
    const figures = overSeeds(found[model])
    note(words.ran(figures.meanOverCentres, figures.sd))
  }
  const [together, alone] = [overSeeds(found.federated), overSeeds(found.local)]
  return {
    ...together,
    recipe: chosen.federated,
    localMeanOverCentres: alone.meanOverCentres,
    localSd: alone.sd,
    localPerCentre: alone.perCentre,
    localRecipe: chosen.local,
    patientsBehind: Object.fromEntries(
      siteNames.map((site) => [
        site,
        ((alone.perCentre[site] ?? Number.NaN) - (together.perCentre[site] ?? Number.NaN)) *
          (tests.get(site) ?? Number.NaN),
      ]),
    ),
  }
}

/** Chooses anew, and keeps the choice beside this file. */
export const chooseAnew = (options: FlambyHeartOptions): Promise<Chosen> =>
  withSetting(options, async (setting, from) => {
    const chosen = await choose(setting, { from, note: options.note })
    writeFileSync(here('chosen.json'), `${JSON.stringify(chosen, null, 2)}\n`)
    return chosen
  })

export function flambyHeartTable({ seeds: used, rows, best }: FlambyHeartReport): string {
  const sites = (shares: PerCentre, text: (value: number) => string): string[] =>
    siteNames.map((site) => text(shares[site] ?? Number.NaN))
  const lines = rows.map((row) => [
    row.strategy,
    words.recipe(row.sameRecipe),
    words.share(row.meanOverCentres),
    words.share(row.sd),
    words.share(row.publishedMean),
    words.share(row.publishedSd),
    words.within(Math.abs(row.meanOverCentres - row.publishedMean) <= row.publishedSd),
    ...sites(row.perCentre, words.site),
  ])
  const table = [words.heading(used), '', ...aligned([words.columns(siteNames), ...lines], 2)]
  if (best === null) return table.join('\n')
  const pair = [
    [words.together(), best.recipe, words.share(best.meanOverCentres), words.share(best.sd)],
    [words.alone(), best.localRecipe, words.share(best.localMeanOverCentres), words.share(best.localSd)],
    [words.behind(), '', '', ''],
  ]
  const shares = [
    sites(best.perCentre, words.site),
    sites(best.localPerCentre, words.site),
    sites(best.patientsBehind, (value) => value.toFixed(1)),
  ]
  const bestLines = pair.map((cells, index) => [...cells, ...(shares[index] ?? [])])
  return [...table, '', words.bestHeading(), '', ...aligned([words.bestColumns(siteNames), ...bestLines], 2)].join('\n')
}

export const chosenTable = (chosen: Chosen): string =>
  [
    words.chosenHeading(),
    '',
    ...aligned(
      [
        words.chosenColumns(),
        ...chosen.tried.map(({ name, federated, local }) => [name, words.share(federated), words.share(local)]),
      ],
      1,
    ),
    '',
    words.chosen(chosen),
  ].join('\n')
