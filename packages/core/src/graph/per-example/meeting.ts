/** A node in which something that all examples share meets what each has of its own: where the gradient of a parameter comes apart by examples. */
import type { GraphBuilder } from '../builder.ts'
import type { Parts } from '../gradients/rule.ts'
import type { Node } from '../ir.ts'
import type { Share } from './share.ts'
import type { Spread } from './spread.ts'

export type Meeting = {
  readonly b: GraphBuilder
  readonly node: Node
  /** Of the outputs. */
  readonly gradients: Parts
  readonly batch: number
  /** Where the examples of an input or output lie. */
  readonly at: (name: string) => Spread | undefined
  /** The inputs that are shared and computed from parameters. */
  readonly shared: readonly number[]
}

export type Met = {
  /** Of the inputs by which parameters meet examples. */
  readonly shares: ReadonlyMap<number, Share>
  /** The gradients of the other inputs, where they come with it; else the operator's own rule says them. */
  readonly flows?: Parts
}

/** Undefined where this use is not covered. */
export type MeetingRule = (meeting: Meeting) => Met | undefined
