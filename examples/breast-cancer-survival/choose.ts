/**
 * How the recipe of study.yaml was chosen: node examples/breast-cancer-survival/choose.ts [--divisions N] [CANDIDATE…]
 * Each candidate runs on the *training* patients of the published split alone, divided into five folds, several times over (division.ts). A patient is
 * predicted by the models of the fold that they were held back from, and pairs of one region and fold are counted. The highest concordance of the
 * federated model, as a mean over divisions, is the best; of those that are behind it by no more than the standard error of the difference, the one
 * that sends least wins.
 */
import { parseArgs } from 'node:util'
import { trainCentralised } from '@wardround/cli/simulate/centralised.ts'
import { WardroundError } from '@wardround/core/errors.ts'
import type { SurvivalStatistic } from '@wardround/core/metrics/schema.ts'
import { statisticOf } from '@wardround/core/metrics/statistic.ts'
import { ownPreparation } from '@wardround/core/preparation/own.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import type { Study } from '@wardround/core/study/study.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { type Prepared, preparedWith } from '@wardround/site/dataset.ts'
import { predict } from '@wardround/site/evaluation.ts'
import { trainAlone } from '@wardround/site/local-training.ts'
import type { Bed } from '../shared/federation.ts'
import { type Hospital, hospitalOf, preparationOf, trainTogether } from '../shared/in-memory.ts'
import { chosenOf, inBed, runProgram, usage } from '../shared/program.ts'
import { divided } from './division.ts'
import { inputs, type Patient, readPatients, regions, usualFolder } from './patients.ts'
import { studyOf } from './run.ts'
import { survivalWords } from './words.ts'

/** Fields of the study document that differ from one candidate to another. */
type Recipe = {
  readonly rounds: number
  readonly batch: number
  readonly steps: number
  readonly rate: number
  readonly l2?: number
  readonly strategy?: object
  readonly normalise?: Study['data']['normalise']
  readonly hidden?: number
}

/**
 * One step a round on all of a region's patients: gradient descent, whose gradients the regions share. Rates are seven times, penalties a seventh, of what
 * they would be for a mean over deaths: one in seven died.
 */
const whole = { rounds: 40, batch: 1024, steps: 1, rate: 1.4 } as const

/** Those that README.md has figures of. `published`: FLamby's of these names, whose loss is a mean over patients, too, but on z-scores and from weights of 0. */
export const candidates: Readonly<Record<string, Recipe>> = {
  'published FedAvg': { rounds: 5, batch: 8, steps: 100, rate: 0.1 },
  'published FedAdam': {
    ...{ rounds: 5, batch: 8, steps: 100, rate: 0.01 },
    strategy: { fedAdam: { rate: 0.1, beta1: 0.9, beta2: 0.999, tau: 1e-8 } },
  },
  'whole batches, l2 0': whole,
  'whole batches, l2 0.0014': { ...whole, l2: 0.0014 },
  'whole batches, l2 0.014': { ...whole, l2: 0.014 },
  'whole batches, l2 0.07': { ...whole, l2: 0.07 },
  '5 steps a round, l2 0.014': { ...whole, rounds: 10, steps: 5, l2: 0.014 },
  '5 steps a round, l2 0.07': { ...whole, rounds: 10, steps: 5, l2: 0.07 },
  '5 steps a round, l2 0.28': { ...whole, rounds: 10, steps: 5, l2: 0.28 },
  '5 steps a round, 5 rounds, l2 0.28': { ...whole, rounds: 5, steps: 5, l2: 0.28 },
  '5 steps a round, 5 rounds, l2 0.07': { ...whole, rounds: 5, steps: 5, l2: 0.07 },
  'batches of 32, l2 0.014': { rounds: 10, batch: 32, steps: 5, rate: 0.35, l2: 0.014 },
  'scaled by region, l2 0.014': { ...whole, l2: 0.014, normalise: 'per-site' },
  'fedProx, 5 steps, l2 0.014': { ...whole, rounds: 10, steps: 5, l2: 0.014, strategy: { fedProx: { mu: 0.014 } } },
  'fedAdam, l2 0.014': { ...whole, rounds: 20, l2: 0.014, strategy: { fedAdam: { rate: 0.05 } } },
  '16 hidden units, l2 0.014': { ...whole, l2: 0.014, hidden: 16 },
}

/** The question and the data of study.yaml, with a candidate's model, training, strategy and rounds. */
export function studyWith(recipe: Recipe): Study {
  const { wardround, name, question, data, model } = studyOf()
  const { rounds, batch, steps, rate, l2, hidden, strategy = { fedAvg: {} }, normalise = 'global' } = recipe
  const network = {
    layers: [
      { dense: hidden, activation: 'relu' },
      { dense: 1, name: 'output' },
    ],
  }
  return validatePlan({
    ...{ wardround, name, question, data: { ...data, normalise } },
    model: hidden === undefined ? model : network,
    training: {
      ...{ loss: 'coxPartialLikelihood', optimizer: { sgd: { rate } }, batch, steps },
      ...(l2 === undefined ? {} : { l2 }),
    },
    strategy,
    rounds: { maximum: rounds },
  }).study
}

const models = ['federated', 'centralised', 'local'] as const
type Model = (typeof models)[number]
type Pairs = { comparable: number; concordant: number }
type Concordances = Readonly<Record<Model, number>>

const rowOf = ({ id, part, days, died, findings }: Patient): Readonly<Record<string, string>> => ({
  ...{ patient: id, part, days: String(days), died: died ? '1' : '0' },
  ...Object.fromEntries(inputs.map((name, index) => [name, findings[index] ?? ''])),
})

/** Of all folds of a division. */
async function concordancesOf(recipe: Study, patientsOfFolds: readonly (readonly Patient[])[], bed: Bed) {
  const pairs = { federated: noPairs(), centralised: noPairs(), local: noPairs() } satisfies Record<Model, Pairs>
  for (const [fold, patients] of patientsOfFolds.entries()) {
    if (bed.signal.aborted) throw new WardroundError('WR_CANCELLED')
    // A fold of Canada has eight patients.
    const study: Study = { ...recipe, seed: 1 + fold, data: { ...recipe.data, minimumCohort: 1 } }
    const own = (region: string) => patients.filter((patient) => patient.region === region)
    const hospitals = regions.map((region) => hospitalOf(study, region, own(region).map(rowOf)))
    for (const found of await trainTogether(study, hospitals, bed.trainer)) await count(pairs.federated, found)
    const { overall } = await pooledOf(study, hospitals, bed)
    if (overall.statistic?.kind === 'survival') add(pairs.centralised, overall.statistic)
    for (const { site, records } of hospitals) {
      const prepared = preparedWith(records, ownPreparation(study, records, site))
      const maximumRounds = study.rounds.maximum
      const { weights } = await trainAlone({ trainer: bed.trainer, site }, study, { prepared, maximumRounds })
      await count(pairs.local, { prepared, weights })
    }

    async function count(into: Pairs, { prepared, weights }: { prepared: Prepared; weights: Weights }): Promise<void> {
      const { test } = prepared
      const scores = await predict(bed.trainer, study, { weights, inputs: test })
      const statistic = statisticOf(study.training.loss, { ...test, scores })
      if (statistic.kind === 'survival') add(into, statistic)
    }
  }
  const share = ({ concordant, comparable }: Pairs): number => concordant / comparable
  return { federated: share(pairs.federated), centralised: share(pairs.centralised), local: share(pairs.local) }
}

const noPairs = (): Pairs => ({ comparable: 0, concordant: 0 })

function add(into: Pairs, { comparablePairs, concordantPairs }: SurvivalStatistic): void {
  into.comparable += comparablePairs
  into.concordant += concordantPairs
}

function pooledOf(study: Study, hospitals: readonly Hospital[], { trainer, signal }: Bed) {
  const preparation = preparationOf(study, hospitals)
  const sites = hospitals.map(({ site, records }) => ({
    name: site,
    dataset: { records: async () => records, prepared: async () => preparedWith(records, preparation) },
  }))
  return trainCentralised({ study, planHash: '', preparation, sites, trainer, signal })
}

export type Tried = { readonly name: string; readonly rounds: number; readonly divisions: readonly Concordances[] }

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** A mean and its standard error over divisions, which share their patients. */
export function overDivisions(values: readonly number[]): { readonly mean: number; readonly error: number } {
  const mean = meanOf(values)
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, error: Math.sqrt(squares / (values.length - 1) / values.length) }
}

/** What a candidate is behind the best by, in the same divisions. */
export const behind = ({ divisions }: Tried, best: Tried) =>
  overDivisions(divisions.map(({ federated }, index) => (best.divisions[index]?.federated ?? 0) - federated))

/** The best, and of its equals the one with the fewest rounds; of those the highest. */
export function chosenFrom(tried: readonly Tried[]): { readonly best: Tried; readonly chosen: Tried } {
  const mean = ({ divisions }: Tried): number => meanOf(divisions.map(({ federated }) => federated))
  const [best] = tried.toSorted((a, b) => mean(b) - mean(a))
  if (best === undefined) throw new WardroundError('WR_INTERNAL', { what: 'no candidate' })
  const equals = tried.filter((one) => {
    const gap = behind(one, best)
    return one === best || gap.mean <= gap.error
  })
  const [chosen = best] = equals.toSorted((a, b) => a.rounds - b.rounds || mean(b) - mean(a))
  return { best, chosen }
}

async function main(args: string[]): Promise<void> {
  const options = { divisions: { type: 'string' } } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const names = Object.keys(candidates)
  const wanted = positionals.flatMap((typed) => chosenOf(names, typed, survivalWords.unknownCandidate(typed, names)))
  const count = Number(values.divisions ?? 4)
  if (!Number.isInteger(count) || count < 2) throw usage(survivalWords.noDivisions(values.divisions ?? ''))
  const patients = await readPatients(usualFolder())
  const all = Array.from({ length: count }, (_, index) => divided(patients, index + 1))
  process.stdout.write(survivalWords.candidateHeads())
  const tried: Tried[] = []
  await inBed(async (bed) => {
    for (const [name, recipe] of Object.entries(candidates)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue
      const divisions: Concordances[] = []
      for (const division of all) divisions.push(await concordancesOf(studyWith(recipe), division, bed))
      tried.push({ name, rounds: recipe.rounds, divisions })
      const figures = (model: Model) => overDivisions(divisions.map((division) => division[model]))
      const [federated, centralised, local] = models.map(figures)
      process.stdout.write(survivalWords.candidate(name, [federated, centralised, local]))
    }
  })
  const { best, chosen } = chosenFrom(tried)
  process.stdout.write(survivalWords.chosen(best.name, chosen.name, behind(chosen, best)))
}

if (import.meta.main) await runProgram(main)
