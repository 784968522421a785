/** What sites are given to correct their gradients by, beside the weights: where the study's strategy has them do so. */
import { strategyOf } from '@wardround/core/learning/strategies.ts'
import { type BlobRef, blobRefSchema, type Task } from '@wardround/core/protocol/task.ts'
import { float64Of } from '@wardround/core/safetensors.ts'
import { dimensionOf, type TensorSpec } from '@wardround/core/weights.ts'
import { z } from 'zod'
import type { AggregateInput } from './aggregate.ts'
import type { BlobStore } from './blobs/blob-store.ts'
import { type Checked, checkedBytes } from './blobs/checked.ts'
import type { Context } from './context.ts'
import type { Running } from './running.ts'
import type { RoundRow } from './store/schema.ts'
import { longestRange, writeWeights } from './weights.ts'

export type CorrectionPart = Pick<Extract<Task, { kind: 'train' }>, 'correction'>

/** Where a round's `strategy_state` names the vector that is common to all sites, as they fetch it: it stays and goes with that state. */
export const commonName = 'common'

type State = Readonly<Record<string, BlobRef>>

/** A strategy's state after a round, and with it what goes to the sites in the next. */
export async function withCommon(
  blobs: BlobStore,
  { strategy, specs }: Pick<AggregateInput, 'strategy' | 'specs'>,
  state: State,
): Promise<State> {
  const name = strategy.client.correction?.common
  const vector = name === undefined ? undefined : state[`aggregator/${name}`]
  return vector === undefined ? state : { ...state, [commonName]: await asWeights(blobs, { vector, specs }) }
}

/** How to make what goes to the sites again, where `state`, as a row has it, names it so; else nothing. */
export function commonAgain(
  { study, specs }: Pick<Running, 'study' | 'specs'>,
  state: string | null | undefined,
  sha256: string,
): ((held: BlobStore) => Promise<BlobRef>)[] {
  const { [commonName]: made, ...refs } = stateSchema.parse(JSON.parse(state ?? '{}'))
  const name = strategyOf(study.strategy).client.correction?.common
  const vector = made?.sha256 === sha256 ? refs[`aggregator/${name}`] : undefined
  return vector === undefined ? [] : [(held) => asWeights(held, { vector, specs })]
}

const stateSchema = z.record(z.string(), blobRefSchema)

/** The part of a train task that is a site's own. Made again after a crash it is the same. */
export async function correctionParts(
  { store }: Pick<Context, 'store'>,
  { study, row }: Running,
  round: RoundRow,
): Promise<(site: string) => CorrectionPart> {
  if (strategyOf(study.strategy).client.correction === undefined) return () => ({})
  const previous = await store.completedBefore(row.id, round.number)
  const { [commonName]: common } = stateSchema.parse(JSON.parse(previous?.strategy_state ?? '{}'))
  const counted = await store.lastCounted(row.id)
  return (site) => ({ correction: { since: counted.get(site) ?? 0, ...(common === undefined ? {} : { common }) } })
}

/** A vector of the strategy's state (bare Float64) as a weights file (Float32), range by range. Errors: WR_BLOB_MISSING. */
export async function asWeights(
  blobs: BlobStore,
  { vector, specs }: { readonly vector: BlobRef; readonly specs: readonly TensorSpec[] },
  rangeLength = longestRange,
): Promise<BlobRef> {
  const reader = await blobs.reader(vector.sha256)
  try {
    return await writeWeights(blobs, specs, rounded(checkedBytes(reader, vector), dimensionOf(specs), rangeLength))
  } finally {
    await reader.close()
  }
}

async function* rounded(
  { read, check }: Checked<Uint8Array>,
  dimension: number,
  rangeLength: number,
): AsyncGenerator<Float32Array> {
  for (let start = 0; start < dimension; start += rangeLength) {
    const end = Math.min(dimension, start + rangeLength)
    yield Float32Array.from(float64Of(await read({ start: start * 8, end: end * 8 })))
  }
  check()
}
