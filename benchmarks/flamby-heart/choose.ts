/**
 * How the best recipe is chosen: by cross-validation on the training records of FLamby's split. Its test records are not even read into these runs.
 * Each candidate runs as a federation on each fold, with each hospital alone beside it, so that the recipe for training alone is chosen with the
 * same care.
 *
 * The criterion: the records are divided into five folds, ten times over. Each record is predicted once in each division, by the models of the
 * fold that it was kept out of; a centre's accuracy is the share of these predictions that are right, and a candidate's the mean over the four
 * centres. The highest wins; of equals the first. README.md says what was fixed when.
 */
import { WardroundError } from '@wardround/core/errors.ts'
import { ownPreparation } from '@wardround/core/preparation/own.ts'
import { permutation, seededRandom } from '@wardround/core/random.ts'
import type { Study } from '@wardround/core/study/study.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { type Prepared, preparedWith } from '@wardround/site/dataset.ts'
import { predict } from '@wardround/site/evaluation.ts'
import { trainAlone } from '@wardround/site/local-training.ts'
import type { Trainer } from '@wardround/site/training/trainer.ts'
import { z } from 'zod'
import { trainTogether } from '../../examples/shared/in-memory.ts'
import { centerSites, type HeartRecord, readCenter } from '../fed-heart-disease.ts'
import { candidates } from './candidates.ts'
import { meanOf } from './figures.ts'
import { heartHospitalOf } from './quick.ts'
import type { Setting } from './reproduce.ts'
import { flambyHeartWords } from './words.ts'

const divisions = Array.from({ length: 10 }, (_, index) => index + 1)
const folds = [0, 1, 2, 3, 4]
/** Zurich's 30 training records are 6 in a fold. */
const minimumCohort = 5

const tried = z.strictObject({ name: z.string(), federated: z.number(), local: z.number() })
/** `federated` and `local` name the candidates that won; chosen.json holds one of these. */
export const chosenSchema = z.strictObject({
  federated: z.string(),
  local: z.string(),
  tried: z.array(tried),
})
export type Chosen = z.output<typeof chosenSchema>

export async function choose(
  { study, bed }: Pick<Setting, 'study' | 'bed'>,
  { from, note }: { from: string; note: (line: string) => void },
): Promise<Chosen> {
  const training = centerSites.map((_, center) => readCenter(from, center).filter(({ part }) => part === 'training'))
  const divided = divisions.map((division) =>
    centerSites.map((site, center) => ({ site, records: foldsOf([site, division], training[center] ?? []) })),
  )
  const rows: Chosen['tried'] = []
  for (const candidate of candidates(study)) {
    const runs: Accuracies[] = []
    for (const centers of divided) {
      if (bed.signal.aborted) throw new WardroundError('WR_CANCELLED')
      runs.push(await validated(candidate.study, centers, bed.trainer))
    }
    const row = {
      name: candidate.name,
      federated: meanOf(runs.map(({ federated }) => federated)),
      local: meanOf(runs.map(({ local }) => local)),
    }
    note(flambyHeartWords.tried(row))
    rows.push(row)
  }
  const winner = (model: keyof Accuracies): string => rows.reduce((a, b) => (b[model] > a[model] ? b : a)).name
  return { federated: winner('federated'), local: winner('local'), tried: rows }
}

type Accuracies = { readonly federated: number; readonly local: number }
type Folded = { readonly record: HeartRecord; readonly fold: number }
type Center = { readonly site: string; readonly records: readonly Folded[] }

/** Each outcome by itself, in an order drawn for it, dealt out one to each fold in turn. `labels` name the draw. */
export function foldsOf(labels: readonly (string | number)[], records: readonly HeartRecord[]): readonly Folded[] {
  const byOutcome = Map.groupBy(records.keys(), (row) => (records[row]?.num ?? 0) > 0)
  const foldOf = new Map<number, number>()
  let dealt = 0
  for (const ill of [false, true]) {
    const rows = byOutcome.get(ill) ?? []
    for (const place of permutation(rows.length, seededRandom(['flamby-heart', 'folds', ...labels, String(ill)])))
      foldOf.set(rows[place] ?? 0, dealt++ % folds.length)
  }
  return records.map((record, row) => ({ record, fold: foldOf.get(row) ?? 0 }))
}

/** All folds of one division. */
async function validated(recipe: Study, centers: readonly Center[], trainer: Trainer): Promise<Accuracies> {
  const right = { federated: new Map<string, number>(), local: new Map<string, number>() }
  for (const fold of folds) {
    const study: Study = { ...recipe, seed: 1 + fold, data: { ...recipe.data, minimumCohort } }
    const hospitals = centers.map(({ site, records }) => heartHospitalOf(study, site, withoutFold(records, fold)))
    const add = async (model: keyof Accuracies, site: string, found: { prepared: Prepared; weights: Weights }) =>
      right[model].set(site, (right[model].get(site) ?? 0) + (await rightOf(study, found, trainer)))
    for (const { site, ...found } of await trainTogether(study, hospitals, trainer)) await add('federated', site, found)
    for (const { site, records } of hospitals) {
      const prepared = preparedWith(records, ownPreparation(study, records, site))
      const maximumRounds = study.rounds.maximum
      const { weights } = await trainAlone({ trainer, site }, study, { prepared, maximumRounds })
      await add('local', site, { prepared, weights })
    }
  }
  const accuracy = (model: keyof Accuracies): number =>
    meanOf(centers.map(({ site, records }) => (right[model].get(site) ?? Number.NaN) / records.length))
  return { federated: accuracy('federated'), local: accuracy('local') }
}

const withoutFold = (records: readonly Folded[], fold: number): HeartRecord[] =>
  records.map(({ record, fold: its }) => ({ ...record, part: its === fold ? 'test' : 'training' }))

/** How many of the fold's records are predicted right. */
async function rightOf(
  study: Study,
  { prepared: { test }, weights }: { prepared: Prepared; weights: Weights },
  trainer: Trainer,
): Promise<number> {
  const scores = await predict(trainer, study, { weights, inputs: test })
  return scores.filter((score, row) => (score >= 0.5 ? 1 : 0) === test.target[row]).length
}
