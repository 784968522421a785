/** Whole studies as files: out to whoever asks with an account, and in, piece by piece. */
import { createHash } from 'node:crypto'
import { WardroundError } from '@wardround/core/errors.ts'
import { studyFile, wholeWeights } from '../archive/export.ts'
import { importStudy } from '../archive/import.ts'
import type { Context } from '../context.ts'
import type { Handlers } from '../handlers.ts'
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
      const file = { sha256: params.sha256, sizeBytes: query.sizeBytes }
      const bytes = caller.rawBody
      if (query.offset + bytes.length > file.sizeBytes)
        throw new WardroundError('WR_BODY_INVALID', { field: 'offset', problem: 'the piece ends behind sizeBytes' })
      const whole = bytes.length === file.sizeBytes
      if (whole && digestOf(bytes) !== file.sha256) throw new WardroundError('WR_DIGEST_MISMATCH', { what: 'The file' })
      const name = `import-${file.sha256}`
      const receivedBytes = whole ? bytes.length : await blobs.staged.append(name, query.offset, bytes)
      if (receivedBytes < file.sizeBytes) return { receivedBytes, study: null }
      const id = await blobs.hold(async (held) => {
        if (whole) await held.put(bytes, file.sha256)
        else await held.staged.commit(name, file)
        return importStudy(context, held, { file, by: caller.name })
      })
      await blobs.drop([file.sha256])
      const row = await store.study(id)
      if (row === undefined) throw new WardroundError('WR_NOT_FOUND', { what: 'study', name: id })
      return { receivedBytes, study: await summaryOf(context, row) }
    },
  }
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
