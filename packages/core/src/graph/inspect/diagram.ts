/**
 * What is drawn of a model: boxes from the example to the output, and what goes from one to the next. An activation is in the box of what it follows. Of a
 * large model all that lies between two narrow places, through which one value goes alone, becomes one box: a dense block, a residual block.
 */
import type { Extents } from '../layers/layer.ts'
import { contract, groupsOf } from './contract.ts'

/** A node or a layer as it is to be drawn. */
export type Item = {
  readonly op: string
  /** What the model itself calls the part that it is of; '' where it does not. */
  readonly name: string
  /** Of one example. */
  readonly output: Extents
  /** Values of the weights that it is the first to use. */
  readonly parameters: number
  /** Where its inputs come from: earlier items, or −1 for the example. */
  readonly from: readonly number[]
}

export type Box = Omit<Item, 'op' | 'from'> & {
  /** In order of their first use, and how often. */
  readonly operators: readonly { readonly op: string; readonly count: number }[]
}

/** Boxes are in topological order; edges go from an earlier one, or −1 for the example, to a later one. */
export type Diagram = {
  readonly input: Extents
  readonly boxes: readonly Box[]
  readonly edges: readonly (readonly [from: number, to: number])[]
}

/** More boxes than this nobody takes in. */
export const mostBoxes = 60

export function diagramOf(input: Extents, items: readonly Item[], limit = mostBoxes): Diagram {
  const groups = contract(groupsOf(items), limit)
  const boxOf = new Map(groups.flatMap(({ members }, box) => members.map((member) => [member, box] as const)))
  return {
    input,
    boxes: groups.map(({ members }) => boxFrom(members.flatMap((member) => items[member] ?? []))),
    edges: groups.flatMap(({ sources }, to) =>
      [...new Set([...sources].map((source) => boxOf.get(source) ?? -1))]
        .toSorted((a, b) => a - b)
        .map((from) => [from, to] as const),
    ),
  }
}

function boxFrom(items: readonly Item[]): Box {
  const kinds = Map.groupBy(items, ({ op }) => op)
  return {
    operators: [...kinds].map(([op, same]) => ({ op, count: same.length })),
    name: commonName(namesOf(items)),
    output: items.at(-1)?.output ?? [],
    parameters: items.reduce((sum, { parameters }) => sum + parameters, 0),
  }
}

/** Of the items that have parameters, where there are any. */
function namesOf(items: readonly Item[]): readonly string[] {
  const named = items.filter(({ name }) => name !== '')
  const weighted = named.filter(({ parameters }) => parameters > 0)
  return (weighted.length > 0 ? weighted : named).map(({ name }) => name)
}

/** The steps that all names begin with. */
function commonName([first = '', ...others]: readonly string[]): string {
  const steps = first.split(/[./]/)
  const shared = others.reduce((most, name) => {
    const own = name.split(/[./]/)
    const differing = steps.slice(0, most).findIndex((step, index) => step !== own[index])
    return differing < 0 ? most : differing
  }, steps.length)
  return steps.slice(0, shared).join('.')
}
