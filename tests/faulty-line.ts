/** A line between one site and the coordinator, over real sockets, with faults that a seed draws: one for each connection. */
import { connect, createServer, type Socket } from 'node:net'
import type { Random } from '@wardround/core/random.ts'

export type Direction = 'up' | 'down'

/** What befalls a connection; bytes are counted in one direction. */
export type Fault =
  | { readonly kind: 'none' }
  /** Nobody takes it. */
  | { readonly kind: 'refuse' }
  /** It is taken, and nothing ever comes. */
  | { readonly kind: 'half-open' }
  /** Cut off after so many bytes, wherever that is: in the handshake, a head, a body. */
  | { readonly kind: 'cut'; readonly direction: Direction; readonly afterBytes: number }
  /** After so many bytes nothing more comes through, and nobody says so. */
  | { readonly kind: 'stall'; readonly direction: Direction; readonly afterBytes: number }
  | { readonly kind: 'delay'; readonly ms: number }
  /** A few bytes now and then, for some time; then as fast as it goes. */
  | { readonly kind: 'drip'; readonly bytes: number; readonly everyMs: number; readonly forMs: number }

export type FaultKind = Fault['kind']

export type FaultyLine = {
  readonly url: string
  /** How many connections met which fault. */
  readonly met: Readonly<Partial<Record<FaultKind, number>>>
  close(): Promise<void>
}

export async function faultyLine(target: string, next: () => Fault): Promise<FaultyLine> {
  const { hostname, port } = new URL(target)
  const met: Partial<Record<FaultKind, number>> = {}
  const open = new Set<Socket>()
  const server = createServer((site) => {
    const fault = next()
    met[fault.kind] = (met[fault.kind] ?? 0) + 1
    const coordinator =
      fault.kind === 'half-open' || fault.kind === 'refuse' ? undefined : connect(Number(port), hostname)
    for (const socket of coordinator === undefined ? [site] : [site, coordinator]) {
      open.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        open.delete(socket)
        site.destroy()
        coordinator?.destroy()
      })
    }
    if (fault.kind === 'refuse') site.destroy()
    if (coordinator === undefined) return
    carry(site, coordinator, passage(fault, 'up'))
    carry(coordinator, site, passage(fault, 'down'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    met,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

/** What becomes of a chunk: what comes through, and whether the connection lives on. */
type Passage = (chunk: Buffer, to: Socket) => Promise<'goes on' | 'ends'>

function carry(from: Socket, to: Socket, pass: Passage): void {
  // One chunk after another: bytes never overtake each other.
  let before: Promise<unknown> = Promise.resolve()
  from.on('data', (chunk: Buffer) => {
    from.pause()
    before = before.then(async () => {
      if ((await pass(chunk, to)) === 'goes on') from.resume()
      else from.destroy()
    })
  })
  from.on('end', () => void before.then(() => to.end()))
}

function passage(fault: Fault, direction: Direction): Passage {
  const whole: Passage = async (chunk, to) => {
    to.write(chunk)
    return 'goes on'
  }
  switch (fault.kind) {
    case 'cut':
    case 'stall':
      return fault.direction === direction ? limited(fault) : whole
    case 'delay':
      return async (chunk, to) => {
        await pause(fault.ms)
        return whole(chunk, to)
      }
    case 'drip':
      return dripping(fault)
    case 'none':
    case 'refuse':
    case 'half-open':
      return whole
  }
}

function limited({ kind, afterBytes }: Extract<Fault, { kind: 'cut' | 'stall' }>): Passage {
  let left = afterBytes
  return async (chunk, to) => {
    const part = chunk.subarray(0, left)
    left -= part.length
    if (part.length > 0) await new Promise<void>((resolve) => to.write(part, () => resolve()))
    if (part.length === chunk.length) return 'goes on'
    return kind === 'cut' ? 'ends' : new Promise(() => undefined)
  }
}

function dripping({ bytes, everyMs, forMs }: Extract<Fault, { kind: 'drip' }>): Passage {
  const until = performance.now() + forMs
  return async (chunk, to) => {
    let at = 0
    for (; at < chunk.length && performance.now() < until; at += bytes) {
      to.write(chunk.subarray(at, at + bytes))
      await pause(everyMs)
    }
    if (at < chunk.length) to.write(chunk.subarray(at))
    return 'goes on'
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Draws faults: each connection comes to grief somewhere within its first `bytes`. */
export function drawnFault(random: Random, kinds: readonly FaultKind[], bytes: number): Fault {
  const kind = kinds[random.below(kinds.length)] ?? 'none'
  const direction = random.below(2) === 0 ? 'up' : 'down'
  switch (kind) {
    case 'cut':
    case 'stall':
      return { kind, direction, afterBytes: random.below(bytes) }
    case 'delay':
      return { kind, ms: 1 + random.below(30) }
    case 'drip':
      return { kind, bytes: 1 + random.below(4), everyMs: 5, forMs: 100 + random.below(200) }
    case 'none':
    case 'refuse':
    case 'half-open':
      return { kind }
  }
}
