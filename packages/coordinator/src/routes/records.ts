/** What happened: events as pages and as a stream, the audit, counters. */
import { asWardroundError } from '@wardround/core/errors.ts'
import { firstBroken } from '@wardround/core/protocol/chain.ts'
import type { Context } from '../context.ts'
import type { EventFeed } from '../event-feed.ts'
import type { Handlers } from '../handlers.ts'

type Names = 'events' | 'eventStream' | 'audit' | 'metrics'

const pageSize = 1000
/** A stream that is not read holds one page, of events that may each name a thousand sites. */
const streamPageSize = 100
const heartbeatMs = 15_000
/** A watcher is written to at most four times a second: two hundred of them, each written to for every event, cost more than all sites. */
const streamPaceMs = 250
const stillHere = ': still here\n\n'

type Watched = { readonly feed: EventFeed; readonly counters: () => Readonly<Record<string, number>> }

export function recordHandlers(context: Context, { feed, counters }: Watched): Pick<Handlers, Names> {
  const { store, clock } = context
  return {
    async events({ query }, caller) {
      const limits = { waitMs: query.wait * 1000, signal: caller.signal }
      const told = await feed.next({ after: query.after, study: query.study, limit: pageSize }, limits)
      const events = told.map(({ event }) => event)
      return { events, sequence: events.at(-1)?.sequence ?? query.after }
    },
    async eventStream({ query }, caller, reply) {
      reply.hijack()
      const { raw } = reply
      raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'keep-alive' })
      // At once: the head would wait for the first event, or 15 s for a sign of life, and the watcher not know whether it is let in.
      raw.flushHeaders()
      let after = Math.max(query.after, lastEventId(caller.headers['last-event-id']))
      try {
        while (!caller.signal.aborted) {
          const asked = { after, study: query.study, limit: streamPageSize }
          const told = await feed.next(asked, { waitMs: heartbeatMs, signal: caller.signal })
          const texts = told.length === 0 ? [stillHere] : together(told.map(({ text }) => text))
          // A watcher that does not read is waited for, not buffered for: the sequence lets it go on where it was.
          for (const text of texts) if (!raw.write(text)) await drained(raw, caller.signal)
          after = told.at(-1)?.event.sequence ?? after
          if (told.length > 0 && told.length < streamPageSize) await clock.sleep(streamPaceMs, caller.signal)
        }
      } catch (error) {
        // The answer has begun: its end is all that can be said. The watcher comes back with its last sequence.
        context.log('error', 'an event stream broke off', { code: asWardroundError(error).code })
      } finally {
        raw.end()
      }
      return reply
    },
    async audit({ query }) {
      const entries = await store.auditEntries(query.after, query.limit)
      const holds = firstBroken(await store.auditEntries(0, Number.MAX_SAFE_INTEGER)) === undefined
      return { entries, holds }
    },
    metrics: async () =>
      Object.entries(counters())
        .map(
          ([name, value]) =>
            `# TYPE wardround_${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}\nwardround_${name} ${value}\n`,
        )
        .join(''),
  }
}

const writtenAtOnce = 1 << 14

/** Small ones in one piece: each write is a record of TLS of its own. */
function together(texts: readonly string[]): string[] {
  const pieces: string[] = []
  for (const text of texts) {
    const last = pieces.at(-1)
    if (last !== undefined && last.length + text.length <= writtenAtOnce) pieces[pieces.length - 1] = last + text
    else pieces.push(text)
  }
  return pieces
}

/** As browsers send it when they come back; anything else says nothing. */
const lastEventId = (header: string | undefined): number => Number(/^\d{1,15}$/.exec(header ?? '')?.[0] ?? 0)

const drained = (raw: NodeJS.WritableStream, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      raw.off('drain', end)
      signal.removeEventListener('abort', end)
      resolve()
    }
    if (signal.aborted) return resolve()
    raw.once('drain', end)
    signal.addEventListener('abort', end, { once: true })
  })
