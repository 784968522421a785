/** The first weights of a study whose model is from a file, handed in by whoever publishes it. */
import { WardroundError } from '@wardround/core/errors.ts'
import { plannedNetwork } from '@wardround/core/graph/import/planned.ts'
import type { BlobRef } from '@wardround/core/protocol/task.ts'
import type { Context } from '../context.ts'
import { checkWeights } from '../door.ts'
import { givenWeights } from '../first-weights.ts'
import type { Handlers } from '../handlers.ts'
import { isWhole } from '../mending.ts'
import { receiveBlob } from '../receiving.ts'
import { studyOf } from '../running.ts'

export function firstWeightsHandlers(context: Context): Pick<Handlers, 'giveWeights'> {
  const { store, blobs } = context
  return {
    async giveWeights({ params: { study: id }, query: { offset, sizeBytes } }, caller) {
      const row = await store.study(id)
      if (row === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'study', name: id })
      const { model } = studyOf(row)
      const blob = givenWeights({ model })
      if (!('onnx' in model) || blob === undefined || blob.sizeBytes !== sizeBytes)
        throw new WardroundError('WR_BODY_INVALID', { field: 'query.sizeBytes', problem: problemOf(blob) })
      const { incoming, announcedBytes } = caller
      if ((await areKept(context, id, blob)) && (await isWhole(blobs, blob))) {
        for await (const _ of incoming);
        return { receivedBytes: blob.sizeBytes }
      }
      const piece = { name: `weights-${id}`, blob, offset, incoming, announcedBytes }
      const receivedBytes = await receiveBlob(context, piece, async (held) => {
        await checkWeights(held, plannedNetwork(model.onnx).weights, blob)
        await store.transaction(async (tables) => {
          await held.write(tables)
          await tables.keepBlob(id, blob)
          await tables.audit('study.weights', { study: id, sha256: blob.sha256, by: caller.name })
        })
      })
      return { receivedBytes }
    },
  }
}

const problemOf = (blob: BlobRef | undefined): string =>
  blob === undefined ? "the study's plan asks for no weights" : `the study's plan asks for ${blob.sizeBytes} bytes`

/** Whether they have come: a row says so, and is there for as long as the study. */
export const areKept = async (
  { store }: Pick<Context, 'store'>,
  study: string,
  { sha256 }: BlobRef,
): Promise<boolean> => (await store.blobRefs(study)).some((ref) => ref.sha256 === sha256)
