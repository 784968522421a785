/** Whole studies as files: out to whoever asks with an account, and in, piece by piece. */
import { WardroundError } from '@wardround/core/errors.ts'
import { studyFile, wholeWeights } from '../archive/export.ts'
import { importStudy } from '../archive/import.ts'
import type { Context } from '../context.ts'
import type { Handlers } from '../handlers.ts'
import { receiveBlob } from '../receiving.ts'
import { sendPieces } from '../send-blob.ts'
import { summaryOf } from './studies.ts'

export function archiveHandlers(context: Context, version: string): Pick<Handlers, 'exportStudy' | 'importStudy'> {
  const { store, blobs } = context
  return {
    async exportStudy({ params }, _, reply) {
      const row = await store.study(params.study)
      if (row === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'study', name: params.study })
      // What has come as a file goes on as that file: its coordinator has signed it.
      const state = (await store.importOf(row.id)) === undefined ? row.state : 'imported'
      if (state !== 'ended' || row.results === null)
        throw new WardroundError('WR_STUDY_STATE', { study: row.id, state, wanted: 'export' })
      const weights = await wholeWeights(context, row)
      reply
        .header('content-type', 'application/octet-stream')
        .header('content-disposition', `attachment; filename="${row.id}.wardround"`)
      return sendPieces(reply, studyFile(context, { row, weights, version }))
    },
    async importStudy({ params, query }, caller) {
      const { incoming, announcedBytes } = caller
      const file = { sha256: params.sha256, sizeBytes: query.sizeBytes }
      const piece = { name: `import-${file.sha256}`, blob: file, offset: query.offset, incoming, announcedBytes }
      let id: string | undefined
      const receivedBytes = await receiveBlob(context, piece, async (held) => {
        id = await importStudy(context, held, { file, by: caller.name })
      })
      if (id === undefined) return { receivedBytes, study: null }
      await blobs.drop([file.sha256])
      const row = await store.study(id)
      if (row === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'study', name: id })
      return { receivedBytes, study: await summaryOf(context, row) }
    },
  }
}
