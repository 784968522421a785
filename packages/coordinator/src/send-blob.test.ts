import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import { sendPieces } from './send-blob.ts'

/** A server that sends what `pieces` gives, and whoever asks it. */
async function serving(context: TestContext, pieces: () => AsyncIterable<Uint8Array>) {
  const app = Fastify()
  const ended: Promise<unknown>[] = []
  app.get('/', (_, reply) => {
    reply.code(206).header('x-kept', 'yes')
    const sent = sendPieces(reply, pieces())
    ended.push(sent)
    return sent
  })
  context.after(() => app.close())
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const ask = async (): Promise<IncomingMessage> => {
    const [answer] = (await once(get({ host: '127.0.0.1', port, agent: false }), 'response')) as [IncomingMessage]
    return answer
  }
  return { ask, ended }
}

const pieceBytes = 300_000
const count = 30

/** As a blob store's stream: two buffers in turn. */
async function* inTurn(closed: () => void): AsyncGenerator<Uint8Array> {
  try {
    const buffers = [new Uint8Array(pieceBytes), new Uint8Array(pieceBytes)] as const
    for (let number = 0; number < count; number++) yield buffers[number % 2 === 0 ? 0 : 1].fill(number)
  } finally {
    closed()
  }
}

test('a reader who is slow gets every piece as it was, with status and headers', async (context) => {
  const { ask } = await serving(context, () => inTurn(() => undefined))
  const answer = await ask()
  assert.deepEqual([answer.statusCode, answer.headers['x-kept']], [206, 'yes'])
  const chunks: Buffer[] = []
  for await (const chunk of answer) {
    if (chunks.length % 20 === 0) await sleep(1)
    chunks.push(chunk as Buffer)
  }
  const wanted = Array.from({ length: count }, (_, number) => Buffer.alloc(pieceBytes, number))
  assert.ok(Buffer.concat(chunks).equals(Buffer.concat(wanted)))
})

test('when the asker hangs up, or the blob breaks off, the sending ends and the blob is closed', async (context) => {
  let closed = 0
  const { ask, ended } = await serving(context, () => inTurn(() => (closed += 1)))
  ;(await ask()).destroy()
  while (ended.length === 0) await sleep(5)
  await Promise.all(ended)
  assert.equal(closed, 1)
  const broken = await serving(context, async function* () {
    yield new Uint8Array(10)
    await sleep(50)
    throw new Error('the disk is gone')
  })
  const answer = await broken.ask()
  await assert.rejects(answer.toArray(), /aborted/)
  await Promise.all(broken.ended)
})
