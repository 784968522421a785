/** The coordinator's parts without HTTP and proofs: for tests that run a study hundreds of times. */
import { type RouteName, routes } from '@wardround/core/protocol/routes.ts'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { keptBlobs } from '../blobs/kept.ts'
import type { Context } from '../context.ts'
import { createMover } from '../mover.ts'
import { createNotifier } from '../notifier.ts'
import { resume } from '../resume.ts'
import { networkHandlers } from '../routes/network.ts'
import { siteWorkHandlers } from '../routes/site-work.ts'
import { studyHandlers } from '../routes/studies.ts'
import { advanceStudy, nextDeadline } from '../study-run.ts'
import type { World } from './federation.ts'
import type { Call } from './requests.ts'

export type Bare = {
  /** Calls handlers as `name`, with what a request would have been parsed to. */
  readonly as: (name: string) => Call
  idle(): Promise<void>
  close(): Promise<void>
}

type AnyHandler = (request: object, caller: object, reply?: FastifyReply) => Promise<unknown>

/** As server.ts puts them together. */
export async function startBare(world: World): Promise<Bare> {
  const { store, clock } = world
  const closing = new AbortController()
  const mover = createMover(
    (id) => advanceStudy(context, id),
    (id) => nextDeadline(context, id),
    {
      clock,
      closing: closing.signal,
      log: () => undefined,
    },
  )
  const context: Context = {
    ...world,
    startedAt: clock.steadyNow(),
    blobs: keptBlobs({ ...world, log: () => undefined }),
    notifier: createNotifier(clock),
    log: () => undefined,
    bytesDown: new Map(),
    damage: { lost: new Set(), mended: new Set() },
    advance: mover.advance,
  }
  const network = {
    version: '0.1.0',
    publicUrl: () => 'https://localhost',
    certificateKeySha256: undefined,
    lastSeen: new Map(),
  }
  const handlers: Partial<Record<RouteName, AnyHandler>> = {
    ...(networkHandlers(context, network) as Record<string, AnyHandler>),
    ...(siteWorkHandlers(context) as Record<string, AnyHandler>),
    ...(studyHandlers(context) as Record<string, AnyHandler>),
  }
  const { idle } = await resume(context, mover)
  const as =
    (name: string): Call =>
    async (route, { params, query, body, bytes } = {}) => {
      const schemas = routes[route] as { query?: z.ZodType; body?: z.ZodType }
      const text = JSON.stringify(body ?? {})
      const request = { params, query: schemas.query?.parse(query ?? {}), body: schemas.body?.parse(JSON.parse(text)) }
      const rawBody = bytes ?? new TextEncoder().encode(text)
      const incoming = (async function* () {
        yield rawBody
      })()
      const caller = { name, signal: closing.signal, rawBody, incoming, announcedBytes: rawBody.length, headers: {} }
      return (await handlers[route]?.(request, caller)) as never
    }
  return {
    as,
    idle,
    async close() {
      closing.abort()
      await idle()
      await store.close()
    },
  }
}
