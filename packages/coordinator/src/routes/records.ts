/** What happened: events as pages and as a stream, the audit, counters. */
import { asWardroundError } from '@wardround/core/errors.ts'
import { firstBroken } from '@wardround/core/protocol/chain.ts'
import type { StoredEvent } from '@wardround/core/protocol/events.ts'
import type { Context } from '../context.ts'
import type { Handlers } from '../handlers.ts'

type Names = 'events' | 'eventStream' | 'audit' | 'metrics'

const pageSize = 1000
/** A stream that is not read holds one page, of events that may each name a thousand sites. */
const streamPageSize = 100
const heartbeatMs = 15_000
const stillHere = ': still here\n\n'
const asText = (event: StoredEvent): string =>
  `id: ${event.sequence}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`

export function recordHandlers(
  context: Context,
  counters: () => Readonly<Record<string, number>>,
): Pick<Handlers, Names> {
  const { store, notifier } = context
  const page = async ({
    after,
    study,
    wait,
    limit,
    signal,
  }: {
    after: number
    study?: string | undefined
    wait: number
    limit: number
    signal: AbortSignal
  }): Promise<StoredEvent[]> => {
    const look = async (): Promise<StoredEvent[] | undefined> => {
      const events = await store.events({ after, study, limit })
      return events.length > 0 ? events : undefined
    }
    return (await notifier.until('events', look, { waitMs: wait * 1000, signal })) ?? []
  }
  return {
    async events({ query }, caller) {
      const events = await page({ ...query, limit: pageSize, signal: caller.signal })
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
          const events = await page({
            after,
            study: query.study,
            wait: heartbeatMs / 1000,
            limit: streamPageSize,
            signal: caller.signal,
          })
          // A watcher that does not read is waited for, not buffered for: the sequence lets it go on where it was.
          for (const text of events.length === 0 ? [stillHere] : events.map(asText))
            if (!raw.write(text)) await drained(raw, caller.signal)
          after = events.at(-1)?.sequence ?? after
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
