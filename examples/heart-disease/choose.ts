/**
 * How the recipe in study.yaml was chosen: node examples/heart-disease/choose.ts FOLDER [SPLITS]
 * Each candidate runs as a whole federation over the *training* patients of the study's own split, who are split again, SPLITS times, in the same
 * ways for every candidate. The test patients of the study are in none of these runs, so no candidate has been chosen by them.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type SimulatedSite, simulate } from '@wardround/cli/simulate/federation.ts'
import { realWorld } from '@wardround/cli/world.ts'
import { splitPatients } from '@wardround/core/preparation/split.ts'
import { parseStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import { layersIn } from '@wardround/core/study/model-forms.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { readConfig } from '@wardround/site/config.ts'
import { loadTable } from '@wardround/site/data/load.ts'
import { createTrainer, type Trainer } from '@wardround/site/training/trainer.ts'
import { hospitals } from './files.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const { study } = parseStudy(readFileSync(here('study.yaml'), 'utf8'))
const { data, model, training } = study

const prepared = (change: object): object => ({ data: { ...data, ...change } })
const trained = (change: object): object => ({ training: { ...training, ...change } })
const hidden = (...units: readonly number[]): object => ({
  model: { ...model, layers: [...units.map((dense) => ({ dense, activation: 'relu' })), ...layersIn(model)] },
})
const perSite = prepared({ normalise: 'per-site' })
const fedAvg = { strategy: { fedAvg: {} } }

/** The recipe of study.yaml, the one that it replaced, and changes of one thing each. */
const candidates: Readonly<Record<string, object>> = {
  'study.yaml': {},
  'before: fedAvg, per site': { ...perSite, ...fedAvg },
  'normalised per site': perSite,
  fedAvg,
  'fedProx, mu 1': { strategy: { fedProx: { mu: 1 } } },
  'fedYogi 0.03': { strategy: { fedYogi: { rate: 0.03 } } },
  'l2 0.01': trained({ l2: 0.01 }),
  'l2 0.05': trained({ l2: 0.05 }),
  'batches of 64': trained({ batch: 64 }),
  '10 epochs a round': trained({ epochs: 10 }),
  'balanced classes': trained({ classWeights: 'balanced' }),
  '32 hidden units': hidden(32),
  '64 and 32 hidden units': hidden(64, 32),
  'shared bias': { model: { ...model, personal: [] } },
  'validation 0.15': prepared({ split: { ...data.split, validation: 0.15 } }),
}

/** The training patients of the study, as files of their own, each with a site file that differs in nothing. */
async function trainingOnly(source: string, into: string): Promise<SimulatedSite[]> {
  return Promise.all(
    Object.entries(hospitals).map(async ([name, file]) => {
      const config = readConfig(here(`sites/${name}.yaml`))
      const { table } = await loadTable({ config, folder: source, study })
      const lines = readFileSync(join(source, file), 'utf8').trim().split('\n')
      const rows = splitPatients(table, study, name).training
      // Every record of these files is in the table, so that a row of it is a line.
      if (table.rows !== lines.length) throw new RangeError(`${file}: ${lines.length} lines, ${table.rows} records`)
      writeFileSync(join(into, file), `${Array.from(rows, (row) => lines[row]).join('\n')}\n`)
      return { name, config, dataFolder: into }
    }),
  )
}

/** Another seed splits the patients otherwise, and starts from other weights. */
function planOf(change: object, split: number): object {
  const again: Study = { ...study, ...change, seed: 1000 + split }
  return { ...again, data: { ...again.data, split: { ...again.data.split, test: 0.25 } } }
}

type Run = { readonly trainer: Trainer; readonly sites: readonly SimulatedSite[]; readonly folder: string }

function federation(plan: object, { trainer, sites, folder }: Run): Promise<Results> {
  mkdirSync(folder)
  return simulate(
    {
      parsed: validatePlan(plan),
      sites,
      folder,
      trainer,
      ...realWorld,
      version: '0.1.0',
      signal: new AbortController().signal,
      onEvent: () => undefined,
      log: () => undefined,
    },
    async ({ results }) => results,
  )
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
/** The standard error of a mean. */
function errorOf(values: readonly number[]): number {
  const mean = meanOf(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1) / values.length)
}

/** The mean over the hospitals; one whose test patients are of one class has no AUROC. */
const overHospitals = ({ sites }: Results, of: 'federated' | 'local', metric: 'accuracy' | 'auroc' | 'brier'): number =>
  meanOf(sites.flatMap((site) => site[of][metric].value ?? []))

const figuresOf = (results: Results) => ({
  accuracy: overHospitals(results, 'federated', 'accuracy'),
  accuracyAlone: overHospitals(results, 'local', 'accuracy'),
  brier: overHospitals(results, 'federated', 'brier'),
  brierAlone: overHospitals(results, 'local', 'brier'),
  auroc: overHospitals(results, 'federated', 'auroc'),
  aurocAlone: overHospitals(results, 'local', 'auroc'),
  overallAuroc: results.overall.federated.auroc.value ?? 0,
  overallBrier: results.overall.federated.brier.value ?? 0,
  bestRound: results.bestRound,
})
type Figures = ReturnType<typeof figuresOf>
type Row = { readonly name: string; readonly splits: readonly Figures[] }

const averaged = ({ splits }: Row, figure: keyof Figures, digits = 4): string =>
  meanOf(splits.map((split) => split[figure])).toFixed(digits)
const withError = (values: readonly number[]): string =>
  `${meanOf(values).toFixed(4).replace('-', '−')} ± ${errorOf(values).toFixed(4)}`

/** Behind the best in accuracy, by pairs of the same split; a tie is within one standard error. */
function behind({ splits }: Row, best: Row): string {
  if (splits === best.splits) return 'best'
  const gaps = splits.map(({ accuracy }, index) => (best.splits[index]?.accuracy ?? 0) - accuracy)
  return `${withError(gaps)}${meanOf(gaps) <= errorOf(gaps) ? ', tie' : ''}`
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`

/** Two tables: what decides, and what else there is to know. */
function tables(rows: readonly Row[]): string {
  const accuracy = ({ splits }: Row): number => meanOf(splits.map((split) => split.accuracy))
  const best = rows.reduce((a, b) => (accuracy(b) > accuracy(a) ? b : a))
  const deciding = rows.map((row) => {
    const gains = row.splits.map((split) => split.accuracy - split.accuracyAlone)
    const means = (['accuracy', 'brier', 'accuracyAlone'] as const).map((figure) => averaged(row, figure))
    return [row.name, means[0], behind(row, best), ...means.slice(1), withError(gains), averaged(row, 'bestRound', 0)]
  })
  const others = ['auroc', 'aurocAlone', 'brierAlone', 'overallAuroc', 'overallBrier'] as const
  const knowing = rows.map((row) => [row.name, ...others.map((figure) => averaged(row, figure))])
  const heads = [
    ['recipe', 'accuracy', 'behind the best', 'Brier', 'accuracy alone', 'federated − alone', 'best round'],
    ['recipe', 'AUROC', 'AUROC alone', 'Brier alone', 'AUROC, overall', 'Brier, overall'],
  ]
  return [deciding, knowing]
    .map((body, index) => {
      const head = heads[index] ?? []
      return [head, head.map(() => '---'), ...body].map((cells) => line(cells.map((cell) => cell ?? ''))).join('')
    })
    .join('\n')
}

const [source = '.', splits = '30'] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'wardround-choose-'))
const trainer = createTrainer()
try {
  const sites = await trainingOnly(source, folder)
  const rows: Row[] = []
  for (const [name, change] of Object.entries(candidates)) {
    process.stderr.write(`${name} …\n`)
    const done: Figures[] = []
    for (let split = 1; split <= Number(splits); split++) {
      const own = join(folder, `${rows.length}-${split}`)
      done.push(figuresOf(await federation(planOf(change, split), { trainer, sites, folder: own })))
    }
    rows.push({ name, splits: done })
  }
  process.stdout.write(tables(rows))
} finally {
  await trainer.close()
  rmSync(folder, { recursive: true })
}
