/** A study with another seed or strategy: another plan, with another hash, as a researcher would publish it. */
import { WardroundError } from '@wardround/core/errors.ts'
import { type ParsedStudy, validatePlan } from '@wardround/core/protocol/plan.ts'

export type PlanChanges = { readonly seed?: string | undefined; readonly strategy?: string | undefined }

/** What each strategy starts from when only its name is given: the rates of its paper's recommendations for small models. */
const strategies: Readonly<Record<string, Record<string, unknown>>> = {
  fedAvg: {},
  fedAvgM: { rate: 1, momentum: 0.9 },
  fedProx: { mu: 0.01 },
  fedAdagrad: { rate: 0.1 },
  fedAdam: { rate: 0.03 },
  fedYogi: { rate: 0.03 },
}

/** Errors: WR_USAGE for a seed that is no number or an unknown strategy. */
export function changedPlan(plan: Record<string, unknown>, { seed, strategy }: PlanChanges): ParsedStudy {
  const usage = (problem: string): WardroundError => new WardroundError('WR_USAGE', { problem, command: '' })
  if (seed !== undefined && !/^\d{1,9}$/.test(seed)) throw usage(`${seed} is no seed; a whole number is.`)
  const options = strategy === undefined ? undefined : strategies[strategy]
  if (strategy !== undefined && options === undefined)
    throw usage(`There is no strategy ${strategy}. There are ${Object.keys(strategies).join(', ')}.`)
  return validatePlan({
    ...plan,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(strategy === undefined ? {} : { strategy: { [strategy]: options } }),
  })
}
