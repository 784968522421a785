/** The process of all watchers: each has an event stream of its own, and writes down the sequence number of every event that comes. */
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { createClient } from '@wardround/site/client.ts'
import { httpsNetwork, trustOf } from '@wardround/site/http.ts'
import { benchRuntime } from '../runtime.ts'
import { say, toldNext } from './children.ts'
import { type Received, received, sequencesIn } from './received.ts'
import { sentSchema, watchersSchema } from './told.ts'

const ended = new AbortController()
process.once('SIGTERM', () => ended.abort())
process.once('disconnect', () => ended.abort())
const { clock, entropy, version, signal } = benchRuntime(ended.signal)
const { access, watched, after } = await toldNext(watchersSchema)
const token = decodeToken('access', access)
let brokenOff = 0

/** Follows one stream from when its head has come. */
async function watch(study: string | null): Promise<Received> {
  const network = httpsNetwork(token.url, trustOf(token))
  const client = createClient({ network, clock, entropy, version, identity: { kind: 'account', secret: token.secret } })
  const query = { after, ...(study === null ? {} : { study }) }
  const stream = await client.download('eventStream', { query }, { signal })
  const seen = received()
  const follow = async (): Promise<void> => {
    const lines = sequencesIn()
    try {
      for await (const chunk of stream.body) for (const sequence of lines(chunk)) seen.add(sequence)
    } catch {
      // Counted: whether it was told to end, or the line broke.
    }
    if (!signal.aborted) brokenOff += 1
    await network.close()
  }
  void follow()
  return seen
}

const watchers = await Promise.all(watched.map(watch))
say({ open: watchers.length })
const { sent } = await toldNext(sentSchema)
const sentTo = (study: string | null | undefined): number[] =>
  sent.flatMap(([sequence, of]) => (study === null || study === of ? [sequence] : []))
say({ watchers: watchers.map((seen, index) => seen.compare(sentTo(watched[index]))), brokenOff })
ended.abort()
process.disconnect?.()
