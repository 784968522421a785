/** A listener on the line: ends the coordinator's TLS with its own certificate, passes every byte on, and keeps a copy. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'

export type WireTap = {
  readonly url: string /** What the sites sent, one buffer a connection. */
  readonly sent: Buffer[][]
  readonly received: Buffer[]
  close(): void
}

export async function tapWire(coordinatorFolder: string, target: string): Promise<WireTap> {
  const { hostname, port } = new URL(target)
  const sent: Buffer[][] = []
  const received: Buffer[] = []
  const pem = (name: string): Buffer => readFileSync(join(coordinatorFolder, name))
  const server = createServer({ cert: pem('certificate.pem'), key: pem('certificate.key') }, (site) => {
    const chunks: Buffer[] = []
    sent.push(chunks)
    const coordinator = connect({
      host: hostname,
      port: Number(port),
      ca: pem('certificate.pem'),
      checkServerIdentity: () => undefined,
    })
    site.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      coordinator.write(chunk)
    })
    coordinator.on('data', (chunk: Buffer) => {
      received.push(chunk)
      site.write(chunk)
    })
    for (const [one, other] of [
      [site, coordinator],
      [coordinator, site],
    ] as const) {
      one.on('close', () => other.destroy())
      one.on('error', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    sent,
    received,
    close: () => server.close(),
  }
}

export type SentRequest = { readonly method: string; readonly path: string; readonly body: Buffer }

/** The HTTP/1.1 requests in the bytes of one connection. */
export function requestsIn(bytes: Buffer): SentRequest[] {
  const requests: SentRequest[] = []
  for (let at = 0; at < bytes.length; ) {
    const headEnd = bytes.indexOf('\r\n\r\n', at)
    if (headEnd < 0) break
    const head = bytes.subarray(at, headEnd).toString('latin1')
    const [method = '', path = ''] = head.split(' ')
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
    requests.push({ method, path, body: bytes.subarray(headEnd + 4, headEnd + 4 + length) })
    at = headEnd + 4 + length
  }
  return requests
}
