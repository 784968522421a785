/**
 * The gradients of a batch, clipped example by example and added up (Abadi et al. 2016, Algorithm 1, without its noise). One sweep backwards finds the norms; what
 * it found of each layer is then used again with each example's factor ("book keeping"; Bu et al. 2023, "Differentially Private Optimization on Large Model at
 * Small Cost"), so that there is no second sweep. Where a network is not known to keep its examples apart, or would hold too much, its gradients are made one
 * example after another (one-by-one.ts), which is right for any network, and slower.
 */
import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { sum } from '../losses/penalties.ts'
import { type Clipping, factorsOf, squaresWith } from './factors.ts'
import { familyOf, together } from './family.ts'
import { oneByOne } from './one-by-one.ts'
import type { Factors, Share } from './share.ts'
import { type Shares, sharesOf } from './shares.ts'

/** What is differentiated, as it can be appended to any graph for any number of examples. */
export type Objective = {
  readonly parameters: readonly string[]
  /** Values [batch, …] of `b`, at least one: all in which examples differ. */
  readonly examples: readonly string[]
  /** All other values of `b` that the loss is made from, the parameters among them. */
  readonly around: readonly string[]
  /** The scalar loss of a batch, from names for `examples`: a mean or sum over its examples of what each one has alone. */
  readonly append: (b: GraphBuilder, examples: readonly string[]) => string
}

export type ClippedSums = {
  /** A scalar: the loss of the batch. */
  readonly loss: string
  /** Of each parameter, in its shape: Σ over examples of scale · ∇L_i · min(1, clipNorm / ‖∇L_i‖), where L_i is the loss of a batch of example i alone. */
  readonly sums: readonly string[]
  /** Or one example after another. */
  readonly isAtOnce: boolean
}

export type Bounds = Clipping & {
  /** Values that may be held for all examples at once; what needs more is done one by one. */
  readonly held: number
}

/** Values that may be held for all examples at once: 128 MB. */
export const mostHeld = 2 ** 25

/**
 * Whatever one example is, with it the sums are another point at most `clipNorm` away than without, all parameters together, but for the rounding of Float32. Errors:
 * WR_GRAPH_REFUSED where examples of a batch come together, or an operator cannot be differentiated; WR_GRAPH_INVALID.
 */
export function clippedSums(
  b: GraphBuilder,
  objective: Objective,
  { clipNorm, scale = 1, held = mostHeld }: Partial<Bounds> & Pick<Bounds, 'clipNorm'>,
): ClippedSums {
  if (!(clipNorm > 0 && Number.isFinite(Math.fround(clipNorm)) && Math.fround(clipNorm) > 0))
    throw new WardroundError('WR_GRAPH_INVALID', { problem: `gradients cannot be clipped to the norm ${clipNorm}` })
  const { parameters, examples } = objective
  const batch = Number(b.shape(examples[0] ?? '')[0])
  const loss = objective.append(b, examples)
  if (parameters.length === 0) return { loss, sums: [], isAtOnce: true }
  const shares = batch > 1 ? sharesOf(b, { loss, parameters, examples, batch }) : undefined
  const sums = shares && atOnce(b, shares, { parameters, clipNorm, scale, held })
  return sums === undefined ? oneByOne(b, objective, { clipNorm, scale }) : { loss, sums, isAtOnce: true }
}

/** Undefined where it is not covered, or would be too much. */
function atOnce(
  b: GraphBuilder,
  shares: Shares,
  { parameters, ...bounds }: Bounds & { readonly parameters: readonly string[] },
): readonly string[] | undefined {
  const family = familyOf(b, shares)
  if (family === undefined) return undefined
  const own = new Map(
    [...shares.uses]
      .filter(([name]) => !family.roots.has(name))
      .map(([name, uses]) => [name, uses.length === 1 && uses[0] !== undefined ? uses[0] : together(b, uses)] as const),
  )
  for (const parameter of parameters)
    if (!own.has(parameter) && !family.members.includes(parameter))
      throw new WardroundError('WR_GRAPH_INVALID', { problem: `the loss does not depend on ${parameter}` })
  if ([...own.values()].reduce((total, share) => total + share.held, family.held) > bounds.held) return undefined
  const squaresOf = squaresWith(b)
  const squares = [
    ...[...own.values()].map((share) => share.squares(squaresOf)),
    ...(family.members.length === 0 ? [] : [family.squares()]),
  ]
  const factors = factorsOf(b, sum(b, squares), bounds)
  return sumsOf(parameters, { own, ofFamily: family.members.length === 0 ? new Map() : family.sums(factors), factors })
}

type Summed = {
  readonly own: ReadonlyMap<string, Share>
  readonly ofFamily: ReadonlyMap<string, string>
  readonly factors: Factors
}

const sumsOf = (parameters: readonly string[], { own, ofFamily, factors }: Summed): readonly string[] =>
  parameters.map((name) => {
    const found = own.get(name)?.sum(factors) ?? ofFamily.get(name)
    if (found === undefined)
      throw new WardroundError('WR_GRAPH_INVALID', { problem: `the loss does not depend on ${name}` })
    return found
  })
