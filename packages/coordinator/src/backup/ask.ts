/** The other end of control.ts: a command that wants a backup of the coordinator in a folder. */
import { connect, type Socket } from 'node:net'
import { remoteError, WardroundError } from '@wardround/core/errors.ts'
import { backupWords } from '@wardround/core/words/en/backup.ts'
import type { Watching } from './backup.ts'
import { answerSchema, controlFile, jsonOr } from './control.ts'
import type { Made } from './manifest.ts'

/** What the running coordinator made; undefined where none runs. Errors: of backup(), WR_UNREACHABLE where it ends meanwhile, WR_CANCELLED. */
export async function askForBackup(
  folder: string,
  path: string,
  { signal, onProgress }: Watching,
): Promise<Made | undefined> {
  const control = controlFile(folder)
  if (control === undefined) return undefined
  const socket = await connected(control.port)
  if (socket === undefined) return undefined
  const stop = (): void => void socket.destroy()
  signal?.addEventListener('abort', stop)
  socket.write(`${JSON.stringify({ secret: control.secret, backup: path })}\n`)
  let heard = false
  try {
    for await (const line of linesOf(socket)) {
      const answer = answerSchema.safeParse(jsonOr(line)).data
      // Another program has the port of a coordinator that was killed.
      if (answer === undefined) return undefined
      heard = true
      if ('progress' in answer) onProgress?.(answer.progress)
      else if ('made' in answer) return answer.made
      else throw remoteError(answer.error.code, answer.error.parameters)
    }
  } finally {
    signal?.removeEventListener('abort', stop)
    socket.destroy()
  }
  if (signal?.aborted) throw new WardroundError('WR_CANCELLED')
  if (!heard) return undefined
  throw new WardroundError('WR_UNREACHABLE', { url: folder, reason: backupWords.ended() })
}

const connected = (port: number): Promise<Socket | undefined> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(socket))
    // Later ones end the reading of its lines.
    socket.on('error', () => resolve(undefined))
  })

/** Until the line is closed, by whomever and however. */
async function* linesOf(socket: Socket): AsyncGenerator<string> {
  let text = ''
  try {
    for await (const chunk of socket.setEncoding('utf8')) {
      const lines = (text + String(chunk)).split('\n')
      text = lines.pop() ?? ''
      yield* lines
    }
  } catch {
    // Cut, by the other side or by us: there is no more to come.
  }
  if (text !== '') yield text
}
