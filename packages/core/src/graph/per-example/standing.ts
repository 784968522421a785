/**
 * What each value of a graph is to the examples of a batch. A sum of gradients that are clipped example by example bounds what one example can do only where nothing
 * of one example reaches another: every operator between the examples and the loss is one of which this is known.
 */
import { WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import type { Node } from '../ir.ts'
import type { Spread } from './spread.ts'

/**
 * The same for all examples; a part for each example, made of nothing but that example and what is shared; or `factor` times the sum over the examples of what the
 * same graph makes of a batch of that example alone.
 */
export type Standing = 'shared' | { readonly apart: Spread } | { readonly factor: number }

/** A node as its rule sees it. */
export type Use = {
  readonly node: Node
  readonly b: GraphBuilder
  readonly batch: number
  /** Of the inputs; an input that is left out is [] and shared. */
  readonly shapes: readonly (readonly number[])[]
  readonly standings: readonly Standing[]
  /** Of the inputs: whether it is computed from a parameter. */
  readonly active: readonly boolean[]
  /** Of the first output that it names. */
  readonly output: readonly number[]
}

/** Of one or each output; undefined where it is not known. Errors: WR_GRAPH_REFUSED where examples come together. */
export type StandingRule = (use: Use) => Standing | readonly Standing[] | undefined

/** Errors of graphs in which one example's gradient depends on another's values. */
export const mixed = (what: string): WardroundError =>
  new WardroundError('WR_GRAPH_REFUSED', {
    problem: `${what}: gradients cannot be clipped example by example where examples of a batch come together`,
  })

/** Where the examples of a value lie, if it has any. */
export const apartIn = (standing: Standing | undefined): Spread | undefined =>
  typeof standing === 'object' && 'apart' in standing ? standing.apart : undefined
export const factorOf = (standing: Standing | undefined): number | undefined =>
  typeof standing === 'object' && 'factor' in standing ? standing.factor : undefined
