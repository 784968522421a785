/**
 * A federation in memory, for searches: the sites' training and the strategies themselves, without coordinator, journals and signatures, which take
 * nearly all of a small run's time. benchmarks/flamby-heart/quick.test.ts holds it to the weights of the whole federation, bit for bit.
 */
import { splitSpecs } from '@wardround/core/graph/network.ts'
import { initialState, step, type Update } from '@wardround/core/learning/process.ts'
import { strategyOf } from '@wardround/core/learning/strategies.ts'
import { mergeSurveys } from '@wardround/core/preparation/merge.ts'
import { inputWidth, type Preparation } from '@wardround/core/preparation/schema.ts'
import { splitPatients } from '@wardround/core/preparation/split.ts'
import { surveyOf } from '@wardround/core/preparation/survey.ts'
import { tableBuilder } from '@wardround/core/preparation/table.ts'
import { flatten, unflatten } from '@wardround/core/safetensors.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { subtract } from '@wardround/core/vector.ts'
import type { Weights } from '@wardround/core/weights.ts'
import { type Prepared, preparedWith, type Records } from '@wardround/site/dataset.ts'
import { amountOf, classWeightsFor, firstWeights, withPersonalStart } from '@wardround/site/local-training.ts'
import type { Trainer } from '@wardround/site/training/trainer.ts'

export type Hospital = { readonly site: string; readonly records: Records }

/** Rows, of which there is one at least, as a site has them once it has read them. Each has all columns. */
export function hospitalOf(study: Study, site: string, rows: readonly Readonly<Record<string, string>>[]): Hospital {
  const builder = tableBuilder(study, new Set(Object.keys(rows[0] ?? {})))
  for (const values of rows) builder.add({ values })
  const { table, findings } = builder.finish()
  return { site, records: { table, findings, split: splitPatients(table, study, site) } }
}

/** What the sites' surveys make together; a hospital of one outcome is none of its business. */
export function preparationOf(study: Study, hospitals: readonly Hospital[]): Preparation {
  const surveys = hospitals.map(({ site, records }) => {
    const { minimumCohort } = study.data
    return [site, surveyOf({ study, ...records, findings: [], minimumCohort })] as const
  })
  const { preparation } = mergeSurveys(Object.fromEntries(surveys), study)
  if (preparation === undefined) throw new RangeError('These hospitals have no preparation in common.')
  return preparation
}

export type Finished = { readonly site: string; readonly prepared: Prepared; readonly weights: Weights }

/** All rounds, with every hospital in each; at every hospital the shared weights with its personal ones. */
export async function trainTogether(
  study: Study,
  hospitals: readonly Hospital[],
  trainer: Trainer,
): Promise<readonly Finished[]> {
  const preparation = preparationOf(study, hospitals)
  const strategy = strategyOf(study.strategy)
  const width = inputWidth(preparation)
  const { shared: specs } = splitSpecs(study.model, width)
  const isShared = ({ name }: { name: string }): boolean => !study.model.personal.includes(name)
  const sites = hospitals.map(({ site, records }) => {
    const prepared = preparedWith(records, preparation)
    return { site, prepared, weights: withPersonalStart(study, firstWeights(study, width), prepared.training.target) }
  })
  const withShared = (own: Weights, shared: Weights): Weights =>
    own.map((tensor) => shared.find(({ name }) => name === tensor.name) ?? tensor)
  let global = flatten(firstWeights(study, width).filter(isShared))
  let state = initialState(strategy, global.length)
  for (let round = 1; round <= study.rounds.maximum; round++) {
    const updates: Update[] = []
    for (const own of sites) {
      const { training } = own.prepared
      const start = withShared(own.weights, unflatten(specs, global))
      const { proximalMu } = strategy.client
      const trained = await trainer.train({
        model: study.model,
        training: study.training,
        data: training,
        weights: start,
        ...amountOf(study, [study.seed, 'train', own.site], round),
        ...classWeightsFor(study, training),
        ...(proximalMu === undefined ? {} : { proximal: { mu: proximalMu, anchor: start } }),
      })
      own.weights = trained.weights
      const delta = new Float32Array(global.length)
      subtract(flatten(trained.weights.filter(isShared)), global, delta)
      updates.push({ site: own.site, numExamples: training.rows, delta })
    }
    const stepped = step(strategy, { weights: global, updates }, state)
    global = stepped.result
    state = stepped.state
  }
  const last = unflatten(specs, global)
  return sites.map(({ site, prepared, weights }) => ({ site, prepared, weights: withShared(weights, last) }))
}
