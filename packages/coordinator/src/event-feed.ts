/**
 * What happened lately, read from the store once for all who watch. Two hundred watchers that each read every event again would keep the
 * store busier than the studies do.
 */
import type { StoredEvent } from '@wardround/core/protocol/events.ts'
import type { Notifier } from './notifier.ts'
import type { Store } from './store/store.ts'

/** An event, and its text as an event stream has it, made once. */
export type Told = { readonly event: StoredEvent; readonly text: string }

type Limits = { readonly waitMs: number; readonly signal: AbortSignal }
export type Asked = {
  readonly after: number
  /** Absent: of all studies, and of none. */
  readonly study?: string | undefined
  readonly limit: number
}

export type EventFeed = {
  /** Those after `after`, in order, at most `limit`; waits for one. Empty where none came. Errors: of the store. */
  next(asked: Asked, limits: Limits): Promise<readonly Told[]>
  close(): void
}

/** So much of their text is kept, and of each one an object beside it: a watcher that has fallen behind reads the store by itself. */
const mostCharacters = 1 << 22

export function createEventFeed({
  store,
  notifier,
}: {
  readonly store: Pick<Store, 'events' | 'lastSequence' | 'onEvents'>
  readonly notifier: Notifier
}): EventFeed {
  /** Without a gap, up to the last that was read. */
  let kept: Told[] = []
  let characters = 0
  let lastRead: number | undefined
  /** How often there may have been new ones, and how much of that has been read. */
  let [said, heard] = [0, 0]
  let reading: Promise<void> | undefined
  const topics = new Set<string>()

  const readOn = async (): Promise<void> => {
    const known = said
    lastRead ??= await store.lastSequence()
    for (;;) {
      const events = await store.events({ after: lastRead, limit: pageSize })
      for (const event of events.map(told)) {
        kept.push(event)
        characters += event.text.length
      }
      lastRead = events.at(-1)?.sequence ?? lastRead
      for (const topic of new Set(events.flatMap(({ study }) => [everything, ...(study === null ? [] : [of(study)])])))
        notifier.wake(topic)
      if (events.length < pageSize) break
    }
    forget()
    heard = known
  }
  const forget = (): void => {
    let first = 0
    for (; characters > mostCharacters; first++) characters -= kept[first]?.text.length ?? 0
    if (first > 0) kept = kept.slice(first)
  }
  /** Until all is read that was said before. */
  const upToDate = async (): Promise<void> => {
    while (heard < said) {
      reading ??= readOn().finally(() => {
        reading = undefined
      })
      await reading
    }
  }
  const stopListening = store.onEvents(() => {
    said += 1
    // Whoever waits looks for itself then, and hears of the store's error.
    upToDate().catch(() => {
      for (const topic of topics) notifier.wake(topic)
    })
  })
  const look = async ({ after, study, limit }: Asked): Promise<readonly Told[] | undefined> => {
    await upToDate()
    const end = lastRead ?? 0
    const start = end - kept.length
    const found =
      after < start
        ? (await store.events({ after, study, limit })).map(told)
        : kept
            .slice(after - start)
            .filter(({ event }) => study === undefined || event.study === study)
            .slice(0, limit)
    return found.length > 0 ? found : undefined
  }
  return {
    async next(asked, limits) {
      const topic = asked.study === undefined ? everything : of(asked.study)
      topics.add(topic)
      // Whoever asks anew is told of all that there is, whoever has written it.
      said += 1
      return (await notifier.until(topic, () => look(asked), limits)) ?? []
    },
    close: stopListening,
  }
}

const pageSize = 1000
const everything = 'events'
const of = (study: string): string => `events/${study}`

/** HTML standard, section 9.2.6. */
const told = (event: StoredEvent): Told => ({
  event,
  text: `id: ${event.sequence}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`,
})
