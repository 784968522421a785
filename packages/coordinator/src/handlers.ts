/** What a route handler is: parsed input in, typed answer out. Routes are data (core/protocol/routes.ts); this is what they do. */
import type { RouteAnswer, RouteName, RouteRequest, routes } from '@wardround/core/protocol/routes.ts'
import type { FastifyReply } from 'fastify'

/** `caller` is the site or account that asked; '' for anybody. */
export type Caller = {
  readonly name: string
  /** Aborted when the asker hangs up or the coordinator closes. */
  readonly signal: AbortSignal
  readonly rawBody: Uint8Array
  /** In hexadecimal. */
  readonly bodySha256: string
  readonly headers: Readonly<Record<string, string | undefined>>
}

type JsonRoute = { [N in RouteName]: (typeof routes)[N]['answer'] extends 'bytes' | 'events' ? never : N }[RouteName]
type RawRoute = Exclude<RouteName, JsonRoute>

/** Routes that answer with bytes or a stream send their reply themselves. */
export type Handlers = {
  [N in JsonRoute]: (request: RouteRequest<N>, caller: Caller) => Promise<RouteAnswer<N>>
} & {
  [N in RawRoute]: (request: RouteRequest<N>, caller: Caller, reply: FastifyReply) => Promise<FastifyReply>
}
