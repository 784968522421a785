/** A request's body while it comes, for routes that take in much: whoever sends slowly holds up no memory. What it is part of has a digest of its own, which the asker signed with the query. */
import { Readable } from 'node:stream'
import { WardroundError } from '@wardround/core/errors.ts'
import type { FastifyRequest } from 'fastify'

/** What a request says of its body; 0 where it does not. Errors: WR_BODY_TOO_LARGE. */
export function requireAnnounced({ headers }: Pick<FastifyRequest, 'headers'>, limitBytes: number): number {
  const announced = Number(headers['content-length'] ?? 0)
  if (announced > limitBytes) throw new WardroundError('WR_BODY_TOO_LARGE', { limitBytes })
  return announced
}

/** Errors: WR_BODY_TOO_LARGE, WR_BODY_INVALID where it breaks off. */
export async function* arriving(
  { body }: Pick<FastifyRequest, 'body'>,
  limitBytes: number,
): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of chunksOf(body)) {
    size += chunk.length
    if (size > limitBytes) throw new WardroundError('WR_BODY_TOO_LARGE', { limitBytes })
    yield chunk
  }
}

async function* chunksOf(body: unknown): AsyncGenerator<Uint8Array> {
  if (!(body instanceof Readable)) return
  try {
    // Who is refused in the middle is still answered: the line stays.
    for await (const chunk of body.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array
  } catch (error) {
    throw new WardroundError('WR_BODY_INVALID', { field: 'body', problem: 'it breaks off' }, { cause: error })
  }
}

/** Together at most `limitBytes`. Errors: WR_BODY_INVALID for more. */
export async function* upTo(limitBytes: number, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > limitBytes) throw endsBehind()
    yield chunk
  }
}

export const endsBehind = (): WardroundError =>
  new WardroundError('WR_BODY_INVALID', { field: 'offset', problem: 'the piece ends behind sizeBytes' })

/** In groups of `groupBytes`, the last one less; each is good until the next is asked for. */
export async function* grouped(groupBytes: number, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const group = new Uint8Array(groupBytes)
  let length = 0
  for await (const chunk of chunks)
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + groupBytes - length)
      group.set(part, length)
      length += part.length
      at += part.length
      if (length < groupBytes) continue
      yield group
      length = 0
    }
  if (length > 0) yield group.subarray(0, length)
}
