/** Updates that are larger than what is taken in whole, while they come. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type ClientRequest, request } from 'node:http'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { errorAnswerSchema } from '@wardround/core/protocol/routes.ts'
import { taskSchema } from '@wardround/core/protocol/task.ts'
import fc from 'fast-check'
import { grouped } from './incoming.ts'
import { closed } from './testing/closed.ts'
import { honest, startedStudy } from './testing/federation.ts'
import { asSite, requestOf } from './testing/requests.ts'
import { pieceOf } from './testing/site.ts'
import { updateBytes } from './testing/study.ts'

/** A study of 120,001 weights whose one site has its first training task, and a coordinator that listens. */
async function training() {
  const running = await startedStudy(['a'], { hidden: 40_000, rounds: { maximum: 1 } })
  await running.work((task, site) => (task.kind === 'train' ? 'silent' : honest(running.parsed)(task, site)))
  const site = running.site('a')
  const task = await site.next()
  assert.equal(task?.kind, 'train')
  const params = { task: taskSchema.parse(task).id }
  const update = updateBytes(running.parsed, new Float32Array(120_001).fill(2 ** -10))
  const port = await running.coordinator.listen({ host: '127.0.0.1', port: 0 })
  /** The whole update announced, with nothing sent yet. */
  const begin = async (bytes: Uint8Array = update): Promise<ClientRequest> => {
    const asked = requestOf('upload', pieceOf(params.task, update))
    const headers = { ...asked.headers, ...(await asSite(site.signer)(asked)), 'content-length': bytes.length }
    const sent = request({ host: '127.0.0.1', port, method: 'PUT', path: asked.path, headers, agent: false })
    sent.on('error', () => undefined)
    return sent
  }
  const received = async (): Promise<number> => (await site.call('uploadState', { params })).receivedBytes
  return { running, site, params, update, begin, received }
}

async function answered(sent: ClientRequest): Promise<string> {
  const [answer] = (await once(sent, 'response')) as [AsyncIterable<Buffer>]
  return Buffer.concat(await Array.fromAsync(answer)).toString()
}

const limit = { timeout: 30_000 }

test('an update is kept while it comes: who breaks off in the middle has not sent for nothing', limit, async () => {
  const { running, site, params, update, begin, received } = await training()
  const sent = await begin()
  sent.write(update.subarray(0, 300_000))
  // One group of 262,144 bytes; the rest of the second is not there yet.
  while ((await received()) < 262_144) await setTimeout(5)
  sent.destroy()
  assert.equal(await received(), 262_144)
  await site.call('upload', pieceOf(params.task, update, { offset: 262_144 }))
  assert.equal((await running.world.store.task(params.task))?.state, 'reported')
  await running.work(honest(running.parsed))
  await closed(running)
})

test('what comes is not what was signed: none of it stays, and the site begins again', limit, async () => {
  const { running, site, params, update, begin, received } = await training()
  const other = Uint8Array.from(update)
  other[400_000] = 1
  const sent = await begin()
  sent.end(other)
  assert.equal(errorAnswerSchema.parse(JSON.parse(await answered(sent))).error.code, 'WR_DIGEST_MISMATCH')
  assert.equal(await received(), 0)
  assert.equal((await running.world.store.task(params.task))?.state, 'open')
  await site.call('upload', pieceOf(params.task, update))
  await running.work(honest(running.parsed))
  await closed(running)
})

test('two who send the same at once do not disturb each other', limit, async () => {
  const { running, params, update, begin } = await training()
  const both = [await begin(), await begin()]
  for (let at = 0; at < update.length; at += 50_000) {
    for (const sent of both) sent.write(update.subarray(at, at + 50_000))
    await setTimeout(1)
  }
  for (const sent of both) sent.end()
  await Promise.all(both.map(answered))
  const { result } = (await running.world.store.task(params.task)) ?? {}
  assert.match(result ?? '', new RegExp(createHash('sha256').update(update).digest('hex')))
  await running.work(honest(running.parsed))
  await closed(running)
})

test('groups are the same bytes, however they come', async () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 })
  await fc.assert(
    fc.asyncProperty(chunks, fc.integer({ min: 1, max: 30 }), async (chunks, size) => {
      const whole = Buffer.concat(chunks)
      const sizes: number[] = []
      let at = 0
      for await (const group of grouped(
        size,
        (async function* () {
          yield* chunks
        })(),
      )) {
        assert.deepEqual(Buffer.from(group), whole.subarray(at, at + group.length))
        sizes.push(group.length)
        at += group.length
      }
      assert.equal(at, whole.length)
      assert.ok(sizes.slice(0, -1).every((length) => length === size))
    }),
  )
})
