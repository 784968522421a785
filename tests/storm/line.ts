/**
 * One machine's line to the coordinator. A request may be lost before it is handled or after, come late, come twice, overtake others; its answer may
 * be cut off or trickle; for a while there may be no line at all. Whoever hangs up or dies hears nothing more.
 */
import { WardroundError } from '@wardround/core/errors.ts'
import type { HttpRequest, HttpResponse, Network } from '@wardround/core/ports.ts'
import { holdsHeader } from '@wardround/core/protocol/enclosed.ts'
import { type Random, seededRandom } from '@wardround/core/random.ts'
import { injectedNetwork } from '../../packages/cli/src/simulate/federation.ts'
import type { CoordinatorLives } from './coordinator.ts'
import { type Faults, happens } from './faults.ts'
import type { Scheduler } from './scheduler.ts'
import type { Tally } from './tally.ts'

export type LineOptions = {
  readonly seed: number
  readonly name: string
  readonly scheduler: Scheduler
  readonly faults: Faults
  readonly tally: Tally
  readonly coordinator: Pick<CoordinatorLives, 'current'>
  /** A request was granted: its thanks are on their way. */
  readonly thanked?: (request: HttpRequest) => void
}

export type SimulatedLine = {
  /** A process's way out. `sending` sees what leaves; `gone` aborts when the process has died. */
  network(process: { readonly gone?: AbortSignal; readonly sending?: (request: HttpRequest) => void }): Network
  setCut(cut: boolean): void
}

/** After so long without an answer a request is given up (site/http.ts). */
const silenceMs = 60_000

const reset = (reason = 'The connection was cut.'): WardroundError =>
  new WardroundError('WR_UNREACHABLE', { url: 'https://localhost', reason })
const silent = (): WardroundError =>
  new WardroundError('WR_TIMEOUT', { url: 'https://localhost', seconds: silenceMs / 1000 })

/** What a site of an older version says: it fetches its weights by name, where others have small ones with their task. */
const older = ({ [holdsHeader]: _, ...headers }: HttpRequest['headers']): HttpRequest['headers'] => headers

export function simulatedLine(options: LineOptions): SimulatedLine {
  const { name, scheduler, faults, tally, coordinator, thanked = () => undefined } = options
  const random = seededRandom([options.seed, 'line', name])
  const isOlder = seededRandom([options.seed, 'version', name]).below(2) === 0
  let isCut = false
  const draw = (kind: keyof Omit<Faults['network'], 'delayMs'>): boolean => {
    const hit = happens(random, faults.network[kind]) && scheduler.elapsedMs() < faults.endMs
    if (hit) tally.count(kind)
    return hit
  }
  const delayMs = (): number => 1 + random.below(faults.network.delayMs)
  const travel = (what: string, signal?: AbortSignal): Promise<void> =>
    scheduler.park(`${name} ${what}`, delayMs() + (draw('reordered') ? random.below(20_000) : 0), signal)
  const blocked = (): boolean => {
    if (isCut) tally.count('partition')
    return isCut
  }
  const handled = async (request: HttpRequest): Promise<HttpResponse> => {
    const life = coordinator.current()
    if (life === undefined) throw reset('Nothing listens there.')
    const { signal: _, ...given } = request
    const rest = isOlder ? { ...given, headers: older(given.headers) } : given
    scheduler.note(`${name} asks ${request.method} ${request.path}`)
    const answer = injectedNetwork(life.app).send(rest)
    answer.catch(() => undefined)
    const response = await unless(answer, life.gone, reset)
    scheduler.note(`${name} answered ${response.status}`)
    if (response.status === 200) thanked(request)
    return response
  }
  const again = async (request: HttpRequest): Promise<void> => {
    await scheduler.park(`${name} again ${request.path}`, random.below(30_000))
    await handled(request).catch(() => undefined)
  }
  const send = async (request: HttpRequest, gone: AbortSignal): Promise<HttpResponse> => {
    const timeout = async (): Promise<never> => {
      await scheduler.park(`${name} waits in vain`, silenceMs, gone)
      throw silent()
    }
    await travel(`sends ${request.path}`, gone)
    if (blocked() || draw('requestLost')) return timeout()
    if (draw('duplicated')) void again(request)
    const heard = new AbortController()
    const silence = scheduler.park(`${name} gives up`, silenceMs, heard.signal).then(() => {
      if (!heard.signal.aborted) throw silent()
    })
    const response = await Promise.race([handled(request), silence]).finally(() => heard.abort('heard'))
    if (response === undefined) throw silent()
    await travel(`hears ${request.path}`, gone)
    if (blocked() || draw('answerLost')) return timeout()
    return { ...response, body: received(response.body, { name, scheduler, random, draw }) }
  }
  return {
    network: ({ gone = new AbortController().signal, sending = () => undefined }) => ({
      async send(request) {
        if (gone.aborted) throw reset()
        sending(request)
        scheduler.note(`${name} releases ${request.method} ${request.path}`)
        const given = request.signal === undefined ? gone : AbortSignal.any([request.signal, gone])
        return unless(send(request, given), given, () => new WardroundError('WR_CANCELLED'))
      },
    }),
    setCut: (cut) => {
      isCut = cut
    },
  }
}

type Receiving = Pick<LineOptions, 'name' | 'scheduler'> & {
  readonly random: Random
  readonly draw: (kind: 'truncated' | 'slow') => boolean
}

/** An answer's body as it comes in: whole, cut off, or in drops. */
async function* received(
  body: AsyncIterable<Uint8Array>,
  { name, scheduler, random, draw }: Receiving,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of body) {
    if (draw('truncated')) {
      yield bytes.subarray(0, random.below(bytes.length + 1))
      throw reset()
    }
    const slow = draw('slow')
    const size = slow ? Math.ceil(bytes.length / 4) : bytes.length
    for (let at = 0; at < bytes.length; at += size) {
      if (slow) await scheduler.park(`${name} trickles`, random.below(10_000))
      yield bytes.subarray(at, at + size)
    }
  }
}

/** What comes first: the end of the work, or that nobody waits for it any more. */
function unless<T>(work: Promise<T>, signal: AbortSignal, error: () => WardroundError): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const give = (): void => reject(error())
    if (signal.aborted) give()
    signal.addEventListener('abort', give, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', give))
  })
}
