/**
 * How the recipe in study.yaml was chosen: node examples/heart-disease/choose.ts FOLDER [FOLDS]
 * Each candidate runs as a whole federation over the *training* patients of the study's own split, who are split again, differently in each
 * fold. The test patients of the study are in no fold, so no candidate has been chosen by them.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type SimulatedSite, simulate } from '@wardround/cli/simulate/federation.ts'
import { splitPatients } from '@wardround/core/preparation/split.ts'
import { parseStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { readConfig } from '@wardround/site/config.ts'
import { loadTable } from '@wardround/site/data/load.ts'
import { createTrainer, type Trainer } from '@wardround/site/training/trainer.ts'
import { hospitals } from './files.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const { study } = parseStudy(readFileSync(here('study.yaml'), 'utf8'))

type Candidate = { readonly name: string; readonly change: (plan: Study) => object }

const sgd = (rate: number, momentum: number) => ({ optimizer: { sgd: { rate, momentum } } })
const hidden =
  (units: number): Candidate['change'] =>
  ({ model, training }) => ({
    model: { ...model, layers: [{ dense: units, activation: 'relu' }, ...model.layers] },
    training,
  })
const trained =
  (change: object): Candidate['change'] =>
  ({ training }) => ({ training: { ...training, ...change } })

/** The recipe of study.yaml, and one change each. */
const candidates: readonly Candidate[] = [
  { name: 'study.yaml', change: () => ({}) },
  { name: 'l2 0.005', change: trained({ l2: 0.005 }) },
  { name: 'l2 0.05', change: trained({ l2: 0.05 }) },
  { name: 'rate 0.1, no momentum', change: trained(sgd(0.1, 0)) },
  { name: 'rate 0.01', change: trained(sgd(0.01, 0.9)) },
  { name: '1 epoch a round', change: trained({ epochs: 1 }) },
  { name: '10 epochs a round', change: trained({ epochs: 10 }) },
  { name: '16 hidden units', change: hidden(16) },
  { name: 'shared bias', change: ({ model }) => ({ model: { ...model, personal: [] } }) },
  { name: 'normalised globally', change: ({ data }) => ({ data: { ...data, normalise: 'global' } }) },
  { name: 'fedAdam 0.03', change: () => ({ strategy: { fedAdam: { rate: 0.03 } } }) },
]

/** The training patients of the study, as files of their own, each with a site file that differs in nothing. */
async function trainingOnly(source: string, into: string): Promise<SimulatedSite[]> {
  return Promise.all(
    Object.entries(hospitals).map(async ([name, file]) => {
      const config = readConfig(here(`sites/${name}.yaml`))
      const { table } = await loadTable({ config, folder: source, study })
      const lines = readFileSync(join(source, file), 'utf8').trim().split('\n')
      const { training } = splitPatients(table, study, name)
      // Every record of these files is in the table, so that a row of it is a line.
      if (table.rows !== lines.length) throw new RangeError(`${file}: ${lines.length} lines, ${table.rows} records`)
      writeFileSync(join(into, file), `${Array.from(training, (row) => lines[row]).join('\n')}\n`)
      return { name, config, dataFolder: into }
    }),
  )
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
      // A sleep ends early when its signal aborts; ports.ts wants no error then.
      clock: {
        now: () => Date.now(),
        sleep: (delayMs, signal) =>
          sleep(delayMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
      },
      entropy: (sizeBytes) => randomBytes(sizeBytes),
      version: '0.1.0',
      signal: new AbortController().signal,
      onEvent: () => undefined,
      log: () => undefined,
    },
    async ({ results }) => results,
  )
}

const meanOf = (values: readonly (number | null)[]): number =>
  values.reduce<number>((sum, value) => sum + (value ?? 0), 0) / values.length
const columnsOf = ({ sites, overall, bestRound }: Results): readonly number[] => [
  overall.federated.brier.value ?? 0,
  overall.federated.auroc.value ?? 0,
  meanOf(sites.map(({ federated }) => federated.accuracy.value)),
  meanOf(sites.map(({ local }) => local.accuracy.value)),
  bestRound,
]

const [source = '.', folds = '5'] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'wardround-choose-'))
const trainer = createTrainer()
try {
  const sites = await trainingOnly(source, folder)
  process.stdout.write('                        Brier   AUROC   accuracy (mean over hospitals)   best\n')
  process.stdout.write('                       overall overall   federated      alone           round\n')
  for (const { name, change } of candidates) {
    const rows: (readonly number[])[] = []
    for (let fold = 1; fold <= Number(folds); fold++) {
      const again = { ...study, ...change(study) }
      const plan = { ...again, seed: 1000 + fold, data: { ...again.data, split: { ...study.data.split, test: 0.25 } } }
      rows.push(columnsOf(await federation(plan, { trainer, sites, folder: join(folder, `${rows.length} ${name}`) })))
    }
    const means = [0, 1, 2, 3, 4].map((column) => meanOf(rows.map((row) => row[column] ?? 0)))
    process.stdout.write(
      `${name.padEnd(24)}${means.map((value, i) => value.toFixed(i === 4 ? 0 : 4).padStart(8)).join('')}\n`,
    )
  }
} finally {
  await trainer.close()
  rmSync(folder, { recursive: true })
}
