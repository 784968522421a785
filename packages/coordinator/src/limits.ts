/** How long and how much anybody may keep the coordinator busy. Each limit lets a slow hospital through, and ends what never will. */
import type { Server, Socket } from 'node:net'

export type Limits = typeof defaultLimits

export const defaultLimits = {
  /** A head is a kilobyte: whoever needs longer for it sends a byte now and then, to hold the line. The same for a TLS handshake. */
  headMs: 20_000,
  /**
   * A whole request. The largest is a piece of an update, 4 MiB: 34 s on a line of 1 Mbit/s, and on one of 128 kbit/s 262 s. Answers have no such
   * limit: a model may take an hour to download, as long as bytes flow.
   */
  requestMs: 300_000,
  /** Nothing in either direction. Polls are answered within 30 s, event streams say something every 15 s. */
  silenceMs: 120_000,
  /** Between two requests on a line. */
  keepAliveMs: 72_000,
  /** A network of 1,000 sites and 200 watchers has about 1,500. From one address at most half: nobody alone takes all. */
  connections: 8192,
}

/** Requests of one site at the same time, each with a body of at most 4 MiB: a site sends one after another, and a person beside it. */
export const requestsOfOneSite = 16

/** A join is some 300 bytes, and comes from whoever has not proved anything yet. */
export const strangerLimitBytes = 4096

/** For Fastify. */
export const fastifyLimits = ({ requestMs, silenceMs, keepAliveMs }: Limits) => ({
  requestTimeout: requestMs,
  connectionTimeout: silenceMs,
  keepAliveTimeout: keepAliveMs,
})

/** For the server beneath it. */
export const httpLimits = ({ headMs }: Limits) => ({ headersTimeout: headMs, connectionsCheckingInterval: headMs / 4 })
export const tlsLimits = ({ headMs }: Limits) => ({ handshakeTimeout: headMs })

/** Too many connections are dropped as they come: their owners try again later. */
export function limitConnections(server: Server, { connections }: Limits): void {
  server.maxConnections = connections
  const open = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket
    const count = (open.get(remoteAddress) ?? 0) + 1
    open.set(remoteAddress, count)
    socket.once('close', () => {
      const left = (open.get(remoteAddress) ?? 1) - 1
      if (left === 0) open.delete(remoteAddress)
      else open.set(remoteAddress, left)
    })
    if (count > connections / 2) socket.destroy()
  })
}
