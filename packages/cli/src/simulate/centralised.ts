/**
 * What one would get if all records could be pooled: the same model, budget and stop rule, on all hospitals' training records together,
 * with one row of each personal bias per hospital. Only where all data is one's own: demo and simulation.
 */
import { overallModel } from '@wardround/coordinator/results.ts'
import { isTable, weightSpecs } from '@wardround/core/graph/network.ts'
import { inputsIn, type ModelInputs, type PixelScale } from '@wardround/core/preparation/inputs.ts'
import type { Preparation } from '@wardround/core/preparation/schema.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import type { ModelResult } from '@wardround/core/protocol/task.ts'
import { measuredOn, type Study } from '@wardround/core/study/study.ts'
import { sizeOf, type Weights } from '@wardround/core/weights.ts'
import type { DatasetCache, Prepared } from '@wardround/site/dataset.ts'
import { compare, hiddenResult, meanOf, patientsIn, predict, watchedFigure } from '@wardround/site/evaluation.ts'
import {
  amountOf,
  classWeightsFor,
  firstWeights,
  trainRounds,
  withPersonalStart,
} from '@wardround/site/local-training.ts'
import type { Trainer } from '@wardround/site/training/trainer.ts'

export type PooledSite = { readonly name: string; readonly dataset: DatasetCache }
export type CentralisedOptions = {
  readonly study: Study
  readonly planHash: string
  readonly preparation: Preparation
  readonly sites: readonly PooledSite[]
  readonly trainer: Trainer
  /** What the study starts from, where that is not drawn. */
  readonly first?: Weights
  readonly signal?: AbortSignal
}
export type Centralised = {
  readonly bySite: Readonly<Record<string, ModelResult>>
  readonly overall: ModelResult
  readonly rounds: number
  /** With one row of each personal weight per hospital. */
  readonly weights: Weights
}

export async function trainCentralised(options: CentralisedOptions): Promise<Centralised> {
  const { study, sites, trainer, signal } = options
  const prepared = await Promise.all(
    sites.map(({ dataset }) => dataset.prepared(study, options.planHash, options.preparation)),
  )
  const groups = sites.length
  const training = pool(prepared.map((site) => site.training))
  const watched = pool(prepared.map((site) => site[measuredOn(study)]))
  const { weights, rounds } = await trainRounds({
    maximum: study.rounds.maximum,
    study,
    start: pooledStart(options, prepared),
    signal,
    measure: async (candidate) => {
      const scores = await trainer.predict({
        model: study.model,
        loss: study.training.loss,
        weights: candidate,
        data: watched,
        groups,
      })
      return meanOf(watchedFigure(study, { scores, target: watched.target, patients: watched.patients }))
    },
    train: async (candidate, round) => {
      const request = {
        model: study.model,
        training: study.training,
        data: training,
        weights: candidate,
        ...amountOf(study, [study.seed, 'centralised'], round),
        groups,
        ...classWeightsFor(study, training),
      }
      return (await trainer.train(request, signal === undefined ? {} : { signal })).weights
    },
  })
  const results = await Promise.all(prepared.map((site, group) => testAt(options, { site, weights, group })))
  const bySite = Object.fromEntries(sites.map(({ name }, group) => [name, results[group] ?? hiddenResult()]))
  return { bySite, overall: overallModel(results, study), rounds, weights }
}

type Pooled = ModelInputs & { readonly group: Int32Array<ArrayBuffer> }

/** All hospitals' records one after another, with whose each is. */
export function pool(parts: readonly ModelInputs[]): Pooled {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  const width = parts[0]?.width ?? 0
  const { extents, pixelScale, targetWidth } = parts[0] ?? {}
  const features = pixelScale === undefined ? new Float32Array(rows * width) : new Uint8Array(rows * width)
  const [target, group] = [new Float32Array(rows * (targetWidth ?? 1)), new Int32Array(rows)]
  const maskSize = sizeOf(extents?.slice(1) ?? [])
  const masks = parts[0]?.masks && new Uint8Array(rows * maskSize)
  let row = 0
  for (const [index, part] of parts.entries()) {
    features.set(part.features, row * width)
    target.set(part.target, row * (targetWidth ?? 1))
    masks?.set(part.masks ?? withoutMasks(), row * maskSize)
    group.fill(index, row, row + part.rows)
    row += part.rows
  }
  // A patient's name counts within a hospital: two hospitals' `row-1` are two people.
  const patients = parts.flatMap((part, index) => part.patients.map((patient) => `${index}/${patient}`))
  return {
    features,
    rows,
    width,
    ...(extents === undefined ? {} : { extents }),
    ...(pixelScale === undefined ? {} : { pixelScale: scalesOf(parts) }),
    target,
    ...(targetWidth === undefined ? {} : { targetWidth }),
    ...(masks === undefined ? {} : { masks }),
    group,
    patients,
  }
}

const withoutMasks = (): never => {
  throw new TypeError('some hospitals have masks, and others have none')
}

/** Each hospital's, one after another. */
const scalesOf = (parts: readonly ModelInputs[]): PixelScale => {
  const all = (of: keyof PixelScale) =>
    Float32Array.from(parts.flatMap(({ pixelScale }) => [...(pixelScale?.[of] ?? [])]))
  return { mean: all('mean'), deviation: all('deviation') }
}

/** Shared weights as everybody's; personal biases as a table with each hospital's own start. */
function pooledStart({ study, first: given }: CentralisedOptions, prepared: readonly Prepared[]): Weights {
  const inputs = inputsIn(prepared[0]?.training ?? { width: 0 })
  const start = given ?? firstWeights(study, inputs)
  const own = prepared.map(({ training }) => withPersonalStart(study, start, training.target))
  return weightSpecs(study.model, inputs, prepared.length).map(({ name, shape }) => {
    const rows = own.map((weights) => weights.find((tensor) => tensor.name === name)?.data ?? new Float32Array())
    const first = rows[0] ?? new Float32Array()
    const table = isTable(study.model, name)
    return { name, shape, data: table ? Float32Array.from(rows.flatMap((row) => [...row])) : Float32Array.from(first) }
  })
}

async function testAt(
  { study, sites, trainer }: CentralisedOptions,
  { site, weights, group }: { site: Prepared; weights: Weights; group: number },
): Promise<ModelResult> {
  const inputs = site.test
  if (patientsIn(inputs) < study.data.minimumCohort) return hiddenResult()
  const scores = await predict(trainer, study, { weights, inputs, grouping: { groups: sites.length, group } })
  return (
    compare(study, { scores: [scores], inputs, labels: [study.seed, sites[group]?.name ?? ''] }).results[0] ??
    hiddenResult()
  )
}

/** The federation's results with the pooled model beside them. */
export const withCentralised = (results: Results, centralised: Centralised): Results => ({
  ...results,
  sites: results.sites.map((site) => ({ ...site, centralised: centralised.bySite[site.name] ?? null })),
  overall: { ...results.overall, centralised: centralised.overall },
})
