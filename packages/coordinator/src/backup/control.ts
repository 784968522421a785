/**
 * How a command on the same machine has a running coordinator make a backup: a line on loopback, whose address and secret are in a file that only
 * the coordinator's user can read. A backup holds keys and goes into a folder of this machine; no account, wherever it is, can ask for one.
 */

import { timingSafeEqual } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import { parseJson } from '@wardround/core/json.ts'
import type { Entropy } from '@wardround/core/ports.ts'
import { z } from 'zod'
import { newSecret } from '../auth.ts'
import { sha256Of } from '../digest.ts'
import { writePrivate } from '../identity.ts'
import type { Watching } from './backup.ts'
import { type Made, madeSchema } from './manifest.ts'

const fileName = 'control.json'
const fileSchema = z.strictObject({ port: z.int(), secret: z.string() })
const requestSchema = z.strictObject({ secret: z.string(), backup: z.string() })
const progressSchema = z.strictObject({ doneBytes: z.number(), totalBytes: z.number() })
const errorSchema = z.strictObject({
  code: z.string(),
  parameters: z.record(z.string(), z.union([z.string(), z.number()])),
})
export const answerSchema = z.union([
  z.strictObject({ progress: progressSchema }),
  z.strictObject({ made: madeSchema }),
  z.strictObject({ error: errorSchema }),
])
type Answer = z.output<typeof answerSchema>

/** As the coordinator that runs in `folder`, or ran there and was killed, has written it. */
export function controlFile(folder: string): z.output<typeof fileSchema> | undefined {
  const path = join(folder, fileName)
  return existsSync(path) ? fileSchema.safeParse(jsonOr(readFileSync(path, 'utf8'))).data : undefined
}

export type Control = {
  readonly folder: string
  readonly entropy: Entropy
  readonly backup: (path: string, watching: Watching) => Promise<Made>
}

/** `close` resolves when no backup is being made. */
export async function listenLocally({ folder, entropy, backup }: Control): Promise<{ close(): Promise<void> }> {
  const secret = newSecret(entropy)
  const sockets = new Set<Socket>()
  let working: Promise<void> | undefined
  const serve = async (socket: Socket): Promise<void> => {
    const request = await requestOn(socket)
    if (request === undefined || !isSecret(request.secret, secret)) return void socket.destroy()
    const say = (answer: Answer): void => void (socket.writable && socket.write(`${JSON.stringify(answer)}\n`))
    if (working === undefined) {
      working = answered(socket, (watching) => backup(request.backup, watching)).then(say)
      await working.finally(() => {
        working = undefined
      })
    } else say(errorOf(new WardroundError('WR_LOCKED', { path: request.backup })))
    socket.end()
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
    void serve(socket)
  })
  server.maxConnections = 8
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  writePrivate(join(folder, fileName), `${JSON.stringify({ port, secret })}\n`)
  return {
    async close() {
      rmSync(join(folder, fileName), { force: true })
      for (const socket of sockets) socket.destroy()
      server.close()
      await working
    },
  }
}

/** Whoever hangs up wants no backup any more. */
async function answered(socket: Socket, work: (watching: Watching) => Promise<Made>): Promise<Answer> {
  const gone = new AbortController()
  socket.once('close', () => gone.abort())
  if (socket.destroyed) gone.abort()
  let told = -1
  try {
    const made = await work({
      signal: gone.signal,
      onProgress(progress) {
        const percent = Math.floor((100 * progress.doneBytes) / Math.max(1, progress.totalBytes))
        if (percent === told || !socket.writable) return
        told = percent
        socket.write(`${JSON.stringify({ progress } satisfies Answer)}\n`)
      },
    })
    return { made }
  } catch (error) {
    return errorOf(error)
  }
}

function errorOf(thrown: unknown): Answer {
  const { code, parameters } = asWardroundError(thrown)
  const flat = Object.entries(parameters).map(([name, value]) => [
    name,
    typeof value === 'number' ? value : String(value),
  ])
  return { error: { code, parameters: Object.fromEntries(flat) } }
}

const isSecret = (given: string, secret: string): boolean =>
  timingSafeEqual(Buffer.from(sha256Of(given), 'hex'), Buffer.from(sha256Of(secret), 'hex'))

const patienceMs = 10_000
const longestRequest = 8192

/** The first line, if it is a request that comes soon. */
function requestOn(socket: Socket): Promise<z.output<typeof requestSchema> | undefined> {
  return new Promise((resolve) => {
    let text = ''
    const end = (request: z.output<typeof requestSchema> | undefined): void => {
      socket.setTimeout(0)
      socket.off('data', read)
      // Further bytes say nothing; the end is waited for.
      socket.resume()
      resolve(request)
    }
    const read = (chunk: string): void => {
      text += chunk
      const at = text.indexOf('\n')
      if (at >= 0) end(requestSchema.safeParse(jsonOr(text.slice(0, at))).data)
      else if (text.length > longestRequest) end(undefined)
    }
    socket.setEncoding('utf8').on('data', read)
    socket.setTimeout(patienceMs, () => end(undefined)).once('close', () => end(undefined))
  })
}

export function jsonOr(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
