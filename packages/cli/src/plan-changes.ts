/** A study with another seed or strategy: another plan, with another hash, as a researcher would publish it. */
import { validatePlan, type WrittenStudy } from '@wardround/core/protocol/plan.ts'
import { rateOf } from '@wardround/core/study/rate.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { usageWords } from '@wardround/core/words/en/usage.ts'
import { usageOf } from './usage.ts'

export type PlanChanges = {
  readonly seed?: string | undefined
  readonly strategy?: string | undefined
  /** How many take part: a larger quorum could never be met, and becomes this. */
  readonly hospitals?: number
}

/** What each strategy starts from when only its name is given: the rates of its paper's recommendations for small models. */
const strategiesFor = (
  quorum: number | undefined,
  { optimizer }: Study['training'],
): Readonly<Record<string, Record<string, unknown>>> => ({
  fedAvg: {},
  fedAvgM: { rate: 1, momentum: 0.9 },
  fedProx: { mu: 0.01 },
  fedAdagrad: { rate: 0.1 },
  fedAdam: { rate: 0.03 },
  fedYogi: { rate: 0.03 },
  cyclic: {},
  median: {},
  trimmedMean: {},
  fedBuff: { buffer: quorum ?? 2 },
  fedNova: {},
  qFedAvg: { q: 1, lipschitz: 1 / rateOf(optimizer) },
  scaffold: {},
  fedDyn: { alpha: 0.1 },
  krum: {},
  multiKrum: {},
  geometricMedian: {},
  normBound: {},
  centredClipping: {},
})

/** `command` is where the changes were typed. Errors: WR_USAGE for a seed that is no number or an unknown strategy. */
export function changedPlan(
  { plan, study: { rounds, training }, firstWeights }: Pick<WrittenStudy, 'plan' | 'study' | 'firstWeights'>,
  { seed, strategy, hospitals = Number.POSITIVE_INFINITY }: PlanChanges,
  command: string,
): WrittenStudy {
  const usage = usageOf(command)
  if (seed !== undefined && !(/^\d{1,10}$/.test(seed) && Number(seed) < 2 ** 32))
    throw usage(usageWords.noSeed(seed, 2 ** 32 - 1))
  const quorum = rounds.quorum === undefined ? undefined : Math.min(hospitals, rounds.quorum)
  const strategies = strategiesFor(quorum, training)
  if (strategy !== undefined && !Object.hasOwn(strategies, strategy))
    throw usage(usageWords.noStrategy(strategy, Object.keys(strategies)))
  const changed = validatePlan({
    ...plan,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(strategy === undefined ? {} : { strategy: { [strategy]: strategies[strategy] } }),
    ...(quorum === undefined ? {} : { rounds: { ...rounds, quorum } }),
  })
  return { ...changed, ...(firstWeights === undefined ? {} : { firstWeights }) }
}
