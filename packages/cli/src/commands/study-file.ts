/** `wardround study export|import`: a whole study as one file. */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { WardroundError } from '@wardround/core/errors.ts'
import { studyFileWords } from '@wardround/core/words/en/study-file.ts'
import { usageWords } from '@wardround/core/words/en/usage.ts'
import { streamOut, withAccount } from '../homes.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import type { Runtime } from '../runtime.ts'
import { usageOf } from '../usage.ts'

type Options = CommonOptions & { access?: string }
type Typed = { readonly args: readonly string[]; readonly options: Options }

export const studyExport = (runtime: Runtime, { args: [study = '', path = ''], options }: Typed): Promise<Outcome> =>
  withAccount(runtime, options, async (client) => {
    if (existsSync(path)) throw usageOf('study export')(usageWords.exists(path))
    const { signal } = runtime
    const { body } = await client.download('exportStudy', { params: { study } }, { signal })
    const sizeBytes = await streamOut(path, body)
    return { data: { study, path, sizeBytes }, lines: studyFileWords.exported(path, study) }
  })

const pieceBytes = 4 << 20

/** Piece by piece; one that broke off goes on where it was when it is typed again. */
export const studyImport = (runtime: Runtime, { args: [path = ''], options }: Typed): Promise<Outcome> =>
  withAccount(runtime, options, async (client) => {
    if (!existsSync(path)) throw new WardroundError('WR_DATA_MISSING', { file: path })
    const sha256 = await digestOf(path)
    const file = await open(path, 'r')
    try {
      const { size: sizeBytes } = await file.stat()
      for (let offset = 0; ; ) {
        const bytes = await pieceOf(file, offset)
        const asked = { params: { sha256 }, query: { offset, sizeBytes: Math.max(1, sizeBytes) } }
        const { receivedBytes, study } = await client.call('importStudy', asked, { bytes, signal: runtime.signal })
        if (study !== null) {
          const { id, imported } = study
          const lines = studyFileWords.imported(id, imported?.coordinatorKey ?? '')
          return { data: study, lines }
        }
        if (receivedBytes <= offset) throw new WardroundError('WR_UPLOAD_OFFSET', { receivedBytes })
        offset = receivedBytes
      }
    } finally {
      await file.close()
    }
  })

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  try {
    for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array)
  } catch (error) {
    throw new WardroundError('WR_PERMISSION', { path, action: 'read' }, { cause: error })
  }
  return hash.digest('hex')
}

async function pieceOf(file: FileHandle, position: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await file.read(new Uint8Array(pieceBytes), 0, pieceBytes, position)
  return buffer.subarray(0, bytesRead)
}
