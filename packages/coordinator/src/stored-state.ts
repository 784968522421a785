/** A strategy's state in blobs: vectors by name, stored bare, 8 bytes a weight. */
import type { Strategy, StrategyState, VectorState } from '@wardround/core/learning/process.ts'
import { type BlobRef, blobRefSchema } from '@wardround/core/protocol/task.ts'
import { float64Of } from '@wardround/core/safetensors.ts'
import type { BlobReader } from './blobs/blob-store.ts'
import { type Checked, checkedBytes, type Range } from './blobs/checked.ts'

const parts = ['aggregator', 'serverOptimizer'] as const

export const flatState = (state: StrategyState): [string, Float64Array<ArrayBuffer>][] =>
  parts.flatMap((part) =>
    Object.entries(state[part]).map(([name, vector]): [string, Float64Array<ArrayBuffer>] => [
      `${part}/${name}`,
      vector,
    ]),
  )

type StoredState = ReadonlyMap<string, Checked<Float64Array<ArrayBuffer>>>

/** `state`: name → BlobRef. `wanted`: of these names only. */
export async function openState(
  readers: (ref: BlobRef) => Promise<BlobReader>,
  state: Readonly<Record<string, unknown>> | undefined,
  wanted?: readonly string[],
): Promise<StoredState> {
  const opened = new Map<string, Checked<Float64Array<ArrayBuffer>>>()
  for (const [name, value] of Object.entries(state ?? {})) {
    if (wanted?.includes(name) === false) continue
    const ref = blobRefSchema.parse(value)
    const { read, check } = checkedBytes(await readers(ref), ref)
    opened.set(name, {
      read: async ({ start, end }) => float64Of(await read({ start: start * 8, end: end * 8 })),
      check,
    })
  }
  return opened
}

/** What was stored, or at first what the strategy begins with. */
export async function stateRange(stored: StoredState, strategy: Strategy, range: Range): Promise<StrategyState> {
  const length = range.end - range.start
  const load = async (part: (typeof parts)[number]): Promise<VectorState> => {
    const initial = strategy[part].init(length)
    const loaded = await Promise.all(
      Object.entries(initial).map(
        async ([name, vector]) => [name, (await stored.get(`${part}/${name}`)?.read(range)) ?? vector] as const,
      ),
    )
    return Object.fromEntries(loaded)
  }
  return { aggregator: await load('aggregator'), serverOptimizer: await load('serverOptimizer') }
}
