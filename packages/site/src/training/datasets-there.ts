/** Which data sets a trainer's process has already: they are sent once, and not with every round. */
import { createHash } from 'node:crypto'
import type { Dataset, PredictRequest } from './messages.ts'
import type { WorkRequest } from './program-requests.ts'

type Message = Pick<WorkRequest, 'dataset' | 'forget'>

export type DatasetsThere = {
  /** What a request says about its data. */
  ask(data: Dataset | PredictRequest['data']): Message
}

/** A study trains on one, measures on another, and compares on a third. */
const kept = 4

export function datasetsThere(): DatasetsThere {
  /** The one that was used last is the last. */
  const there = new Set<string>()
  return {
    ask(data) {
      const value = plain(data)
      const digest = digestOf(value)
      const known = there.delete(digest)
      there.add(digest)
      const forget = [...there].slice(0, Math.max(0, there.size - kept))
      for (const old of forget) there.delete(old)
      return { dataset: { digest, ...(known ? {} : { value }) }, forget }
    },
  }
}

const nothing = new Float32Array(0)

/** Without what the caller knows of the records besides: who they are of. Predictions need no target. */
const plain = (data: Dataset | PredictRequest['data']): Dataset => ({
  features: data.features,
  rows: data.rows,
  width: data.width,
  ...(data.extents === undefined ? {} : { extents: data.extents }),
  ...(data.pixelScale === undefined ? {} : { pixelScale: data.pixelScale }),
  target: 'target' in data ? data.target : nothing,
  ...('target' in data && data.targetWidth !== undefined ? { targetWidth: data.targetWidth } : {}),
  ...(data.masks === undefined ? {} : { masks: data.masks }),
  ...(data.group === undefined ? {} : { group: data.group }),
})

/** Of all that a trainer is given of records. */
export function digestOf({ features, rows, width, extents, pixelScale, target, masks, group }: Dataset): string {
  const lengths = [target, masks, group].map((values) => values?.length ?? '')
  const hash = createHash('sha256').update(`${rows} ${width} ${extents ?? ''} ${lengths.join(' ')} `)
  const scale = pixelScale === undefined ? [] : [pixelScale.mean, pixelScale.deviation]
  for (const part of [features, ...scale, target, masks, group].filter((values) => values !== undefined))
    hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength))
  return hash.digest('hex')
}
