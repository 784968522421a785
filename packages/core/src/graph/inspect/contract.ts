/** Joins the items of a drawing into groups, so that a model can be taken in; what is joined never makes a circle of what is left. */
import type { Item } from './diagram.ts'

export type Group = {
  /** In topological order. */
  readonly members: readonly number[]
  /** The items outside that it needs; −1 is the example. */
  readonly sources: ReadonlySet<number>
}

/** What a person looks for in a model: each begins a box of its own. */
const heavy = new Set([
  ...['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'Einsum', 'RNN', 'GRU', 'LSTM', 'Gather', 'Concat', 'Split', 'Resize'],
  ...['MaxPool', 'AveragePool', 'LpPool', 'GlobalAveragePool', 'GlobalMaxPool', 'ReduceMean', 'ReduceMax', 'ReduceSum'],
  ...['dense', 'conv1d', 'conv2d', 'conv3d', 'conv1dTranspose', 'conv2dTranspose', 'conv3dTranspose'],
  ...['depthwiseConv1d', 'depthwiseConv2d', 'concat', 'upsample', 'embedding', 'gru', 'lstm', 'selfAttention'],
  ...['maxPool1d', 'maxPool2d', 'maxPool3d', 'averagePool1d', 'averagePool2d', 'averagePool3d'],
  ...['globalMaxPool', 'globalAveragePool', 'adaptiveAveragePool'],
])

/** Items one by one, but activations and normalisations with what they follow. A group needs what its first item needs, and nothing else: their order is topological. */
export function groupsOf(items: readonly Item[]): readonly Group[] {
  const consumers = consumersOf(items)
  const groupOf = new Map<number, number[]>()
  for (const [index, { op, from }] of items.entries()) {
    const host = heavy.has(op) ? undefined : hostOf(from, { index, items, consumers, groupOf })
    const members = host ?? []
    members.push(index)
    groupOf.set(index, members)
  }
  return [...new Set(groupOf.values())].map((members) => ({ members, sources: sourcesOf(members, items) }))
}

type Consumers = ReadonlyMap<number, ReadonlySet<number>>

function consumersOf(items: readonly Item[]): Consumers {
  const consumers = new Map<number, Set<number>>(items.map((_, index) => [index, new Set()]))
  for (const [index, { from }] of items.entries()) for (const source of from) consumers.get(source)?.add(index)
  return consumers
}

const sourcesOf = (members: readonly number[], items: readonly Item[]): ReadonlySet<number> => {
  const inside = new Set(members)
  return new Set(members.flatMap((member) => items[member]?.from ?? []).filter((source) => !inside.has(source)))
}

type Around = {
  readonly index: number
  readonly items: readonly Item[]
  readonly consumers: Consumers
  readonly groupOf: ReadonlyMap<number, number[]>
}

/** More in one box nobody can read. */
const mostTogether = 24

/** The group that a light item joins: all its inputs are from there, and nobody else needs what is in it, but for what comes together with it again. */
function hostOf(from: readonly number[], { index, items, consumers, groupOf }: Around): number[] | undefined {
  const [host, ...others] = new Set(from.map((source) => groupOf.get(source)))
  if (host === undefined || others.length > 0 || host.length >= mostTogether) return undefined
  const inside = new Set([...host, index])
  const users = new Set(host.flatMap((member) => [...(consumers.get(member) ?? [])]))
  const [meeting, ...more] = [...users].filter((user) => !inside.has(user))
  if (more.length > 0) return undefined
  return meeting === undefined || leadsTo(meeting, { index, items, consumers }) ? host : undefined
}

/** Whether from `index` light items alone, one after another, lead to `meeting`, and to nowhere else: x·σ(x). */
function leadsTo(meeting: number, { index, items, consumers }: Pick<Around, 'index' | 'items' | 'consumers'>): boolean {
  let at = index
  while (at !== meeting) {
    const [next, ...others] = consumers.get(at) ?? []
    const item = next === undefined ? undefined : items[next]
    if (next === undefined || item === undefined || others.length > 0 || heavy.has(item.op)) return false
    if (next !== meeting && item.from.length > 1) return false
    at = next
  }
  return true
}

/** Stretches longer than this are joined, if they are to be: the first of these that leaves few enough. */
const longestStretches = [12, 6, 3, 1]

/** At most `limit` groups: if there are more, stretches between narrow places are joined. They come, and stay, in topological order. */
export function contract(groups: readonly Group[], limit: number): readonly Group[] {
  if (groups.length <= limit) return groups
  const stretches = stretchesOf(groups)
  const tries = longestStretches.map((longest) =>
    stretches.flatMap((stretch) => (stretch.length > longest ? [join(stretch)] : stretch)),
  )
  const last = tries.at(-1) ?? groups
  return tries.find((found) => found.length <= limit) ?? inRuns(last, Math.ceil(last.length / limit))
}

/** Here every stretch is one group, and one follows another. */
const inRuns = (groups: readonly Group[], length: number): readonly Group[] =>
  Array.from({ length: Math.ceil(groups.length / length) }, (_, run) =>
    join(groups.slice(run * length, (run + 1) * length)),
  )

function join(groups: readonly Group[]): Group {
  const members = groups.flatMap((group) => group.members)
  const inside = new Set(members)
  const sources = new Set(groups.flatMap((group) => [...group.sources]).filter((source) => !inside.has(source)))
  return { members, sources }
}

/** Cut where a single value goes from what is before to what comes after. */
function stretchesOf(groups: readonly Group[]): readonly (readonly Group[])[] {
  const placeOf = new Map(groups.flatMap(({ members }, place) => members.map((member) => [member, place] as const)))
  const lastUse = new Map<number, number>()
  for (const [place, { sources }] of groups.entries())
    for (const source of sources) lastUse.set(placeOf.get(source) ?? -1, place)
  const endings = Map.groupBy(lastUse, ([, place]) => place)
  const stretches: Group[][] = [[]]
  // The example, to begin with.
  let live = 1
  for (const [place, group] of groups.entries()) {
    stretches.at(-1)?.push(group)
    live += (lastUse.has(place) ? 1 : 0) - (endings.get(place)?.length ?? 0)
    if (live <= 1 && place < groups.length - 1) stretches.push([])
  }
  return stretches
}
