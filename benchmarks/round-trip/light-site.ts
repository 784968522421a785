/**
 * A site as the wire sees it: its own key, its own TLS connection, every request signed, updates that are all different. It has no
 * records, no journal and no disk, and believes what it is told: what a thousand hospitals' machines do is not the coordinator's cost.
 */
import { createHash } from 'node:crypto'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Ed25519 } from '@wardround/core/ports.ts'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import { newKeyPair, type Signed, sign } from '@wardround/core/protocol/signing.ts'
import { type BlobRef, blobRefSchema, type Grant, type Report } from '@wardround/core/protocol/task.ts'
import type { Token } from '@wardround/core/protocol/token.ts'
import { type Client, type ClientOptions, createClient, persistently, pollSeconds } from '@wardround/site/client.ts'
import { type HeldBlob, heldBlob } from '@wardround/site/held-blob.ts'
import { httpsNetwork, type Trust } from '@wardround/site/http.ts'
import { pack, send } from '@wardround/site/outbox.ts'
import { z } from 'zod'
import { evaluated, finished, surveyed } from './light-results.ts'
import { sendUpdate, type Updates } from './light-update.ts'

type LightSite = Pick<ClientOptions, 'clock' | 'entropy' | 'version'> & {
  readonly ed25519: Ed25519
  readonly token: Token
  readonly trust: Trust
  readonly study: string
  readonly planHash: string
  readonly updateOf: Updates
  readonly number: number
  readonly signal: AbortSignal
  /** How long its next task takes, in milliseconds; it says once how far it is. Absent: no time. */
  readonly taskMs?: () => number
}

/** All that it reads of a task. */
const taskSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('prepare'), id: z.string() }),
  z.object({ kind: z.enum(['train', 'evaluate', 'finish']), id: z.string(), round: z.int(), weights: blobRefSchema }),
])

type Joining = Pick<LightSite, 'clock' | 'entropy' | 'version' | 'ed25519' | 'token' | 'trust'>

/** A new site's client, with a key of its own; it takes weights that come with a task, as real ones do. */
export async function joinLightly({ token, trust, ed25519, ...world }: Joining) {
  const { name: site, url, secret, coordinatorKey } = token
  const keys = newKeyPair(ed25519, world.entropy)
  const network = httpsNetwork(url, trust)
  const stranger = createClient({ ...world, network, identity: { kind: 'nobody' } })
  await stranger.call('join', { body: { site, secret, publicKey: keys.publicKey, version: world.version } })
  const held = heldBlob()
  const client = createClient({ ...world, held, network, identity: { kind: 'site', site, keys, coordinatorKey } })
  return { site, keys, network, client, held }
}

/** Joins and approves; `run` then does what it is asked until `signal` aborts. */
export async function lightSite(options: LightSite): Promise<{ run(): Promise<void> }> {
  const { token, trust, clock, entropy, ed25519, version, signal, number } = options
  const { site, keys, network, client, held } = await joinLightly({ token, trust, clock, entropy, ed25519, version })
  const { study, planHash } = options
  const grant: Grant = { version: 1, study, planHash, site, decision: 'approved', decidedAt: clock.now() }
  const document = canonicalJson(grant)
  await client.call('decide', { body: { document, signature: sign(keys, 'wardround-grant-v1', document) } })
  const perform = performer({ client, held }, options)
  return {
    async run() {
      const ask = () => client.call('nextTask', { query: { wait: pollSeconds } }, { signal })
      let task: Signed | null = null
      try {
        while (!signal.aborted) {
          task ??= (await persistently(ask, { clock, entropy, signal })).task
          if (task !== null) task = await perform(task.document)
        }
      } catch (error) {
        if (!signal.aborted) throw new Error(`${site} (${number}) broke down`, { cause: error })
      }
      await network.close()
    },
  }
}

function performer(
  { client, held }: { client: Client; held: HeldBlob },
  { clock, entropy, signal, number, updateOf, taskMs }: LightSite,
) {
  const patience = { clock, entropy, signal }
  // As a real site keeps the last weights: those that a round measures are those that the next one trains.
  let last = ''
  const fetchOnce = async (weights: BlobRef): Promise<void> => {
    const has = last === weights.sha256 || held.get(weights) !== undefined
    if (!has) await persistently(() => fetched(client, weights), patience)
    last = weights.sha256
  }
  const takeTime = async (task: string): Promise<void> => {
    const half = (taskMs?.() ?? 0) / 2
    if (half === 0) return
    await clock.sleep(half, signal)
    const tell = () => client.call('progress', { params: { task }, body: { done: 0.5 } }, { signal })
    await persistently(tell, patience)
    await clock.sleep(half, signal)
  }
  return async (document: string): Promise<Signed | null> => {
    const task = taskSchema.parse(JSON.parse(document))
    await takeTime(task.id)
    if (task.kind !== 'prepare') await fetchOnce(task.weights)
    if (task.kind === 'train') {
      const update = updateOf({ number, round: task.round })
      return persistently(() => sendUpdate(client, task.id, { update, signal }), patience)
    }
    const result = pack({ report: reports[task.kind]() })
    return persistently(() => send(client, task.id, { result, waitSeconds: pollSeconds, signal }), patience)
  }
}

const reports = { prepare: surveyed, evaluate: evaluated, finish: finished } satisfies Record<string, () => Report>

/** Receives and hashes a blob, and keeps nothing of it. Errors: WR_DIGEST_MISMATCH, and those of the line. */
async function fetched(client: Client, { sha256 }: BlobRef): Promise<void> {
  const hash = createHash('sha256')
  const { body } = await client.download('blob', { params: { sha256 } })
  for await (const chunk of body) hash.update(chunk)
  if (hash.digest('hex') !== sha256) throw new WardroundError('WR_DIGEST_MISMATCH', { what: 'The weights' })
}
