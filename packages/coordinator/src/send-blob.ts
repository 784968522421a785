/**
 * A large blob on its way out, read while the piece before it is sent: two pieces are in memory, and two as TLS has them, whatever its size and
 * however slow the line.
 */
import type { FastifyReply } from 'fastify'
import { sharedRoom } from './room.ts'

type Raw = FastifyReply['raw']

/** The reply has its status and headers. `pieces` is as a blob store's stream(). */
export async function sendPieces(reply: FastifyReply, pieces: AsyncIterable<Uint8Array>): Promise<FastifyReply> {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>)
  const gone = new Promise<never>((_, reject) => raw.once('close', () => reject(new Error('The asker hung up.'))))
  gone.catch(() => undefined)
  const place = room.enter()
  try {
    let before: Promise<void> = Promise.resolve()
    for await (const piece of cut(pieces, place.sizeBytes)) {
      const now = written(raw, piece)
      await Promise.race([before, gone])
      before = now
    }
    await Promise.race([before, gone])
    raw.end()
  } catch {
    // The answer has begun: that it breaks off is all that can be said. Whoever asked comes back for the rest.
    raw.destroy()
  } finally {
    place.leave()
  }
  return reply
}

/** TLS encrypts all of a piece at once, and keeps it until it has left: at 64 KiB for a third more of the processor's time than at 128 KiB and above. */
const room = sharedRoom({ totalBytes: 1 << 23, leastBytes: 1 << 16, mostBytes: 1 << 18 })

async function* cut(pieces: AsyncIterable<Uint8Array>, longest: number): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces)
    for (let at = 0; at < piece.length; at += longest) yield piece.subarray(at, at + longest)
}

/** Resolves when the piece has left for the line. */
function written(raw: Raw, piece: Uint8Array): Promise<void> {
  const sent = new Promise<void>((resolve, reject) => {
    raw.write(piece, (error) => (error ? reject(error) : resolve()))
  })
  // Heard where it is awaited: a line that breaks meanwhile is no unhandled rejection.
  sent.catch(() => undefined)
  return sent
}
