/** What is told of a model in a federation: the first split by its figures, and all splits by their differences. */
import type { Estimate } from '@wardround/core/metrics/schema.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import type { Federation } from './prepare.ts'

/** What a federated model may be behind the pooled one in AUROC. */
export const target = 0.01

type Difference = { readonly mean: number | null; readonly error: number | null; readonly splits: number }

export type Row = {
  readonly federation: Federation
  readonly model: string
  readonly sites: number
  readonly nTrain: number
  readonly nTest: number
  readonly rounds: number
  readonly bytesUp: number
  readonly bytesDown: number
  /** Of all test patients together, in the first split. */
  readonly auroc: Readonly<Record<'federated' | 'pooled' | 'local', Estimate>>
  /** Means over the sites whose test patients have both outcomes, in the first split; null where there is none. */
  readonly meanOverSites: Readonly<Record<'federated' | 'local', number | null>>
  readonly sitesWithAuroc: number
  /** Differences in the first split: over all test patients, and of the means over sites. */
  readonly federatedMinusPooled: number | null
  readonly federatedMinusLocal: number | null
  readonly federatedMinusLocalMean: number | null
  readonly overSplits: Readonly<
    Record<'federatedMinusPooled' | 'federatedMinusLocal' | 'federatedMinusLocalMean', Difference>
  >
  /** Whether federated is not behind pooled by more than the target: in the first split, and as the mean over all. */
  readonly withinTarget: { readonly firstSplit: boolean | null; readonly overSplits: boolean | null }
}

const meanOf = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length

const minus = (a: number | null | undefined, b: number | null | undefined): number | null =>
  a === null || a === undefined || b === null || b === undefined ? null : a - b

function siteMeans({ sites }: Results) {
  const known = sites.filter(({ federated, local }) => federated.auroc.value !== null && local.auroc.value !== null)
  const mean = (of: 'federated' | 'local') => meanOf(known.flatMap((site) => site[of].auroc.value ?? []))
  return { count: known.length, federated: mean('federated'), local: mean('local') }
}

function differencesOf(results: Results) {
  const { federated, local, centralised } = results.overall
  const means = siteMeans(results)
  return {
    federatedMinusPooled: minus(federated.auroc.value, centralised?.auroc.value),
    federatedMinusLocal: minus(federated.auroc.value, local.auroc.value),
    federatedMinusLocalMean: minus(means.federated, means.local),
  }
}

/** With the standard error over splits, which share their patients: it is too small for other patients. */
function over(values: readonly (number | null)[]): Difference {
  const known = values.filter((value) => value !== null)
  const mean = meanOf(known)
  const squares = known.reduce((sum, value) => sum + (value - (mean ?? 0)) ** 2, 0)
  const error = known.length > 1 ? Math.sqrt(squares / (known.length - 1) / known.length) : null
  return { mean, error, splits: known.length }
}

const within = (difference: number | null): boolean | null => (difference === null ? null : difference >= -target)

const nobody: Estimate = { value: null, low: null, high: null, n: null }

/** Of a model's results, a split each. */
export function rowOf(federation: Federation, model: string, splits: readonly [Results, ...Results[]]): Row {
  const [first] = splits
  const { federated, local, centralised } = first.overall
  const means = siteMeans(first)
  const all = splits.map(differencesOf)
  const own = differencesOf(first)
  const pooled = over(all.map(({ federatedMinusPooled }) => federatedMinusPooled))
  return {
    federation,
    model,
    sites: first.sites.length,
    nTrain: first.sites.reduce((sum, { nTrain }) => sum + (nTrain ?? 0), 0),
    nTest: first.sites.reduce((sum, { nTest }) => sum + (nTest ?? 0), 0),
    rounds: first.rounds.length,
    bytesUp: first.bytesUp,
    bytesDown: first.bytesDown,
    auroc: { federated: federated.auroc, pooled: centralised?.auroc ?? nobody, local: local.auroc },
    meanOverSites: { federated: means.federated, local: means.local },
    sitesWithAuroc: means.count,
    ...own,
    overSplits: {
      federatedMinusPooled: pooled,
      federatedMinusLocal: over(all.map(({ federatedMinusLocal }) => federatedMinusLocal)),
      federatedMinusLocalMean: over(all.map(({ federatedMinusLocalMean }) => federatedMinusLocalMean)),
    },
    withinTarget: { firstSplit: within(own.federatedMinusPooled), overSplits: within(pooled.mean) },
  }
}
