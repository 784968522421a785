/** A way to the coordinator on which requests are doubled, overtake each other, come late after their retry, or lose their answers. */
import { WardroundError } from '@wardround/core/errors.ts'
import type { HttpRequest, HttpResponse, Network } from '@wardround/core/ports.ts'
import type { Random } from '@wardround/core/random.ts'

export type Mishap = 'none' | 'doubled' | 'late' | 'answer lost'

export type FaultyRequests = Network & {
  readonly met: Readonly<Partial<Record<Mishap, number>>>
  /** Nobody waits any more for what nobody hears. */
  close(): Promise<void>
}

export function faultyRequests(network: Network, random: Random, mishaps: readonly Mishap[]): FaultyRequests {
  const met: Partial<Record<Mishap, number>> = {}
  const end = new AbortController()
  const underWay = new Set<Promise<unknown>>()
  /** Goes on without anybody waiting for it; what it is answered, nobody hears. */
  const unheard = (work: Promise<HttpResponse>): void => {
    const ending = work.then(drain, () => undefined).finally(() => underWay.delete(ending))
    underWay.add(ending)
  }
  const send = async (request: HttpRequest): Promise<HttpResponse> => {
    const mishap = mishaps[random.below(mishaps.length)] ?? 'none'
    met[mishap] = (met[mishap] ?? 0) + 1
    switch (mishap) {
      case 'none':
        return network.send(request)
      case 'doubled': {
        const [first, second] = [network.send(request), network.send(request)]
        const heard = random.below(2)
        unheard(heard === 0 ? second : first)
        return heard === 0 ? first : second
      }
      case 'late':
        unheard(pause(random.below(150)).then(() => network.send({ ...request, signal: end.signal })))
        throw new WardroundError('WR_TIMEOUT', { url: 'the line', seconds: 0 })
      case 'answer lost':
        await drain(await network.send(request))
        throw new WardroundError('WR_UNREACHABLE', { url: 'the line', reason: 'The answer was lost.' })
    }
  }
  return {
    send,
    met,
    async close() {
      end.abort()
      while (underWay.size > 0) await Promise.all(underWay)
    },
  }
}

async function drain({ body }: HttpResponse): Promise<void> {
  for await (const _ of body);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
