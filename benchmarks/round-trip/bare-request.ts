/** How long an HTTPS request takes on this machine that says nothing: what every figure of the round-trip is made of. */
import { Agent, createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { makeCertificate } from '@wardround/coordinator/certificate.ts'
import { median } from '../figures.ts'

const tries = 300
const host = '127.0.0.1'

/** Median, in milliseconds, over a connection that stays open, to a server in a thread of its own. */
export async function bareRequestMs(): Promise<number> {
  const server = new Worker(new URL(import.meta.url))
  const port = await new Promise<number>((resolve, reject) => server.once('message', resolve).once('error', reject))
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
  try {
    const times: number[] = []
    for (let turn = 0; turn < 2 * tries; turn++) {
      const before = performance.now()
      await answered(agent, port)
      // The first half warms up.
      if (turn >= tries) times.push(performance.now() - before)
    }
    return median(times) ?? Number.NaN
  } finally {
    agent.destroy()
    await server.terminate()
  }
}

const answered = (agent: Agent, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const sent = request({ agent, host, port, method: 'POST', path: '/' }, (answer) =>
      answer.resume().on('end', resolve),
    )
    sent.on('error', reject)
    sent.end('{}')
  })

async function serve(): Promise<void> {
  const { certificate, key } = await makeCertificate([host], new Date())
  const server = createServer({ cert: certificate, key, minVersion: 'TLSv1.3' }, (asked, answer) => {
    asked.resume().on('end', () => answer.end('{}'))
  })
  server.listen(0, host, () => parentPort?.postMessage((server.address() as AddressInfo).port))
}

if (!isMainThread) await serve()
