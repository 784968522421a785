/** What a route handler is: parsed input in, typed answer out. Routes are data (core/protocol/routes.ts); this is what they do. */
import type { RouteAnswer, RouteName, RouteRequest, routes } from '@wardround/core/protocol/routes.ts'
import type { FastifyReply } from 'fastify'

/** `caller` is the site or account that asked; '' for anybody. */
export type Caller = {
  readonly name: string
  /** Aborted when the asker hangs up or the coordinator closes. */
  readonly signal: AbortSignal
  /** Of a route whose body is not streamed. */
  readonly rawBody: Uint8Array
  /** The body of one whose is, to be held against a digest that the asker signed with the query. Errors: WR_BODY_TOO_LARGE, WR_BODY_INVALID. */
  readonly incoming: AsyncIterable<Uint8Array>
  /** As the head says of the body; 0 where it does not. */
  readonly announcedBytes: number
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
