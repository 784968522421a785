/**
 * A site that does its worst, on the real wire, beside hospitals that work: what it sends is refused at the door with a code, counted and shown,
 * and the round goes on without it under the quorum rule. tests/refusals.test.ts is the other way round: a coordinator that does its worst.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { request } from 'node:https'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { base64urlnopad } from '@wardround/core/base64.ts'
import { splitSpecs } from '@wardround/core/graph/network.ts'
import { inputWidth } from '@wardround/core/preparation/schema.ts'
import { prove } from '@wardround/core/protocol/proof.ts'
import { errorAnswerSchema } from '@wardround/core/protocol/routes.ts'
import { type BlobRef, type Task, taskSchema } from '@wardround/core/protocol/task.ts'
import { encodeUpdate } from '@wardround/core/protocol/update.ts'
import { reportHtml } from '@wardround/core/report/html.ts'
import { encodeSafetensors } from '@wardround/core/safetensors.ts'
import { sizeOf, type Weights } from '@wardround/core/weights.ts'
import { openSite } from '@wardround/site/agent.ts'
import { runTask } from '@wardround/site/task.ts'
import { watchStudy } from '../packages/cli/src/federation.ts'
import { openFederation } from './federation.ts'
import { clock, entropy, parsedSmall, scratch, smallTable, wardround } from './support.ts'

const honest = ['berlin', 'bonn', 'bremen']
const folder = scratch('hostile')
const tables = Object.fromEntries([...honest, 'mallory'].map((name) => [name, smallTable(name)]))
const federation = await openFederation(folder, tables)
const last = federation.sites.at(-1)
assert.ok(last?.name === 'mallory')
const mallory = await openSite(last.options)
after(async () => {
  await mallory.close()
  await federation.close()
})

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const refOf = (bytes: Uint8Array): BlobRef => ({ sha256: sha256(bytes), sizeBytes: bytes.length })
const facts = { numExamples: 50, measurements: {} }

type Sent = { readonly bytes: Uint8Array; readonly announced?: BlobRef }
type Wrong = readonly [what: string, code: string, made: (weights: Weights) => Sent | Uint8Array]

/** `weights` with its first value set. */
const withValue = (weights: Weights, value: number): Uint8Array =>
  encodeUpdate(
    weights.map((tensor, index) => (index === 0 ? { ...tensor, data: tensor.data.with(0, value) } : tensor)),
    facts,
  )
/** A file whose header claims to be so long. */
const claiming = (sizeBytes: bigint): Uint8Array => {
  const bytes = new Uint8Array(500)
  new DataView(bytes.buffer).setBigUint64(0, sizeBytes, true)
  return bytes
}
const metadata = { wardround: JSON.stringify(facts) }

/** One a round. */
const wrongs: readonly Wrong[] = [
  ['garbage', 'WR_WEIGHTS_INVALID', () => new Uint8Array(500).fill(0xa5)],
  ['a file cut short', 'WR_WEIGHTS_INVALID', (weights) => encodeUpdate(weights, facts).subarray(0, -5)],
  ['a header of 2^63 bytes', 'WR_WEIGHTS_INVALID', () => claiming(2n ** 63n)],
  [
    'other names',
    'WR_WEIGHTS_SHAPE',
    (weights) =>
      encodeUpdate(
        weights.map((tensor) => ({ ...tensor, name: `${tensor.name}x` })),
        facts,
      ),
  ],
  [
    'another shape',
    'WR_WEIGHTS_SHAPE',
    (weights) =>
      encodeUpdate(
        weights.map((tensor) => ({ ...tensor, shape: [sizeOf(tensor.shape), 1, 1] })),
        facts,
      ),
  ],
  [
    'another type',
    'WR_WEIGHTS_SHAPE',
    (weights) =>
      encodeSafetensors(
        weights.map((tensor) => ({ ...tensor, data: Float64Array.from(tensor.data) })),
        metadata,
      ),
  ],
  ['NaN', 'WR_WEIGHTS_NOT_FINITE', (weights) => withValue(weights, Number.NaN)],
  ['infinity', 'WR_WEIGHTS_NOT_FINITE', (weights) => withValue(weights, Number.NEGATIVE_INFINITY)],
  ['a change that no training makes', 'WR_WEIGHTS_INVALID', (weights) => withValue(weights, 2e30)],
  ['an update of unknown making', 'WR_WEIGHTS_INVALID', (weights) => encodeSafetensors(weights)],
  [
    'two gigabytes, announced',
    'WR_BODY_TOO_LARGE',
    () => ({ bytes: new Uint8Array(1000), announced: { sha256: 'f'.repeat(64), sizeBytes: 2e9 } }),
  ],
]

test('whatever is wrong with one site’s update, it is refused by its code, shown, and the round goes on without it', async () => {
  const parsed = parsedSmall(`seed: 5`, 3)
  const plan = { ...parsed.plan, rounds: { maximum: wrongs.length, quorum: 3, deadline: '2m' } }
  const id = await federation.publish({ ...parsed, plan })
  federation.runSites(honest)
  await federation.client.call('start', { params: { study: id }, body: {} })
  const told: string[] = []
  const ended = watchStudy(federation.client, id, { onEvent: () => undefined, signal: AbortSignal.timeout(200_000) })
  let over = false
  const stopped = ended.finally(() => {
    over = true
  })
  while (!over) {
    const { task: signed } = await mallory.client.call('nextTask', { query: { wait: 1 } })
    if (signed === null) continue
    const task = taskSchema.parse(JSON.parse(signed.document))
    // Her survey is honest; of everything else she has nothing to say.
    if (task.kind === 'prepare') await runTask(mallory, signed)
    else if (task.kind === 'train') told.push(await misbehave(parsed.study.model, task))
    else await saysNothing(task.id)
  }
  await stopped
  const codes = wrongs.map(([, code]) => code)
  assert.deepEqual(told, codes)
  const results = await federation.client.call('results', { params: { study: id } })
  assert.deepEqual([results.expected, results.contributed], [[...honest, 'mallory'], honest])
  assert.equal(results.outcome, 'completed partially')
  assert.equal(results.rounds.length, wrongs.length)
  for (const round of results.rounds) {
    assert.equal(round.state, 'completed')
    assert.deepEqual(
      round.sites.filter(({ state }) => state === 'contributed').map(({ site }) => site),
      honest,
    )
    const own = round.sites.find(({ site }) => site === 'mallory')
    assert.deepEqual([own?.state, own?.code], ['refused', codes[round.round - 1]])
  }
  await shown(id, codes)
  assert.match(reportHtml(results), /mallory/)
})

/** Sends what is wrong in this round; the code that it was told. */
async function misbehave(
  model: Parameters<typeof splitSpecs>[0],
  task: Extract<Task, { kind: 'train' }>,
): Promise<string> {
  const [what, , make] = wrongs[task.round - 1] ?? assert.fail(`there is no round ${task.round}`)
  const weights = splitSpecs(model, inputWidth(task.preparation)).shared.map(({ name, shape }) => ({
    name,
    shape,
    data: new Float32Array(sizeOf(shape)),
  }))
  const made = make(weights)
  const { bytes, announced = refOf(bytes) } = 'bytes' in made ? made : { bytes: made }
  const upload = { params: { task: task.id }, query: { offset: 0, ...announced } }
  return mallory.client.call('upload', upload, { bytes }).then(
    () => assert.fail(`${what} was taken`),
    (error: { code: string }) => error.code,
  )
}

const saysNothing = (task: string) =>
  mallory.client.call('report', {
    params: { task },
    body: { kind: 'failed', code: 'WR_DISK', parameters: {}, refused: false },
  })

/** In the study's events, and to the researcher who asks. */
async function shown(study: string, codes: readonly string[]): Promise<void> {
  const { events } = await federation.client.call('events', { query: { study } })
  const failed = events.flatMap(({ kind, payload }) => (kind === 'task.failed' ? [payload] : []))
  assert.deepEqual(
    failed.filter(({ kind }) => kind === 'train').map(({ site, code, refused }) => [site, code, refused]),
    codes.map((code) => ['mallory', code, true]),
  )
  const access = join(folder, 'coordinator', 'access')
  const { stdout, code } = await wardround(['study', 'show', study, '--access', access])
  assert.equal(code, 0)
  for (const refusal of new Set(codes)) assert.match(stdout, new RegExp(`mallory.*${refusal}`))
}

const { port, hostname } = new URL(federation.url)
const tls = { port: Number(port), host: hostname, rejectUnauthorized: false }

type Answer = { readonly status: number; readonly code: string }

/** A bare request. `stream` writes its body, until the answer is there. */
function bare(
  path: string,
  {
    method = 'GET',
    headers = {},
    stream,
  }: { method?: string; headers?: object; stream?: () => Uint8Array | undefined },
): Promise<Answer & { sentBytes: number }> {
  return new Promise((resolve, reject) => {
    let sentBytes = 0
    let answered = false
    const sent = request({ ...tls, path, method, headers: { ...headers }, agent: false }, async (response) => {
      answered = true
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      const text = Buffer.concat(chunks).toString('utf8')
      const code = response.statusCode === 200 ? '' : errorAnswerSchema.parse(JSON.parse(text)).error.code
      resolve({ status: response.statusCode ?? 0, code, sentBytes })
    })
    // A line that the coordinator has cut after its answer.
    sent.on('error', (error) => (answered ? undefined : reject(error)))
    const write = (): void => {
      for (let chunk = stream?.(); !answered && chunk !== undefined; chunk = stream?.()) {
        sentBytes += chunk.length
        if (!sent.write(chunk)) return void sent.once('drain', () => setImmediate(write))
      }
      if (!answered) sent.end()
    }
    write()
  })
}

test('two gigabytes that a stranger streams: refused for what the head says, after a few megabytes at most, and none of them kept', async () => {
  const path = '/v1/site/tasks/any/update?offset=0&sizeBytes=2000000000&sha256='.concat('f'.repeat(64))
  const chunk = new Uint8Array(1 << 16)
  for (const headers of [{ 'content-length': 2e9 }, { 'transfer-encoding': 'chunked' }]) {
    const before = process.memoryUsage.rss()
    let left = 2e9
    const stream = (): Uint8Array | undefined => {
      left -= chunk.length
      return left < 0 ? undefined : chunk
    }
    const answer = await bare(path, { method: 'PUT', headers, stream })
    assert.deepEqual([answer.status, answer.code], [401, 'WR_PROOF_INVALID'])
    assert.ok(answer.sentBytes < 100e6, `${answer.sentBytes} bytes were sent`)
    assert.ok(process.memoryUsage.rss() - before < 200e6)
  }
})

test('a proof counts once, for one site, and for one request', async () => {
  const path = '/v1/site/task?wait=0'
  const { keys, membership } = mallory
  const subject = { method: 'GET', path, bodySha256: sha256(new Uint8Array()), audience: membership.coordinatorKey }
  const stamp = { time: clock.now(), nonce: base64urlnopad.encode(entropy(16)) }
  const authorization = await prove({ site: 'mallory', keys }, subject, stamp)
  const headers = { authorization }
  assert.equal((await bare(path, { headers })).status, 200)
  assert.deepEqual((await bare(path, { headers })).code, 'WR_PROOF_REPLAYED')
  assert.deepEqual((await bare('/v1/site/offers', { headers })).code, 'WR_PROOF_INVALID')
  const forged = { authorization: authorization.replace('"mallory"', '"berlin"') }
  assert.deepEqual((await bare(path, { headers: forged })).code, 'WR_PROOF_INVALID')
})

test('a thousand connections at once that say half a request keep nobody out, and may not stay for ever', async () => {
  const open = (): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket: TLSSocket = connect(tls, () => {
        socket.write('POST /v1/site/decisions HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{')
        resolve(socket)
      })
      socket.once('error', reject)
    })
  const sockets: TLSSocket[] = []
  for (let many = 0; many < 1000; many += 50) sockets.push(...(await Promise.all(Array.from({ length: 50 }, open))))
  const { status } = await bare('/health', {})
  assert.equal(status, 200)
  assert.ok(Array.isArray((await mallory.client.call('offers')).offers))
  const { server } = federation.coordinator.app
  // Whoever says no more is cut off by then.
  assert.ok(server.requestTimeout > 0 && server.requestTimeout <= 300_000, `${server.requestTimeout}`)
  for (const socket of sockets) socket.destroy()
})
