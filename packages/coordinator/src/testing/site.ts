/** A hospital without data: it joins, approves, and says what a test tells it to say. */
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import { sign, verify } from '@wardround/core/protocol/signing.ts'
import { type BlobRef, type Grant, type Report, type Task, taskSchema } from '@wardround/core/protocol/task.ts'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { ed25519, newKeys } from './keys.ts'
import { asNobody, asSite, type Call, type Line, type Signer, sha256 } from './requests.ts'

/** What a site does about a task: it reports, or sends an update, announced as what it is or as something else; or nothing at all. */
export type Act =
  | { readonly report: Report }
  | {
      readonly update: Uint8Array
      readonly announced?: BlobRef
      /** In pieces of this many bytes, from where the last try broke off; absent: whole. */
      readonly pieceBytes?: number
    }
  | 'silent'
export type Behaviour = (task: Task, site: string) => Act

export type TestSite = ReturnType<typeof testSite>

type SiteOptions = Omit<Signer, 'keys'> & { readonly line: Line }

export function testSite({ line, ...signer }: SiteOptions) {
  const keys = newKeys()
  const { site, clock, coordinatorKey } = signer
  const call: Call = line(asSite({ ...signer, keys }), site)
  const next = async (): Promise<Task | undefined> => {
    const { task } = await call('nextTask')
    if (task === null) return undefined
    if (!verify(ed25519, coordinatorKey, { context: 'wardround-task-v1', ...task }))
      throw new Error('The task is not signed.')
    return taskSchema.parse(JSON.parse(task.document))
  }
  const perform = async (task: Task, act: Act): Promise<void> => {
    if (act === 'silent') return
    const params = { task: task.id }
    if ('report' in act) await call('report', { params, body: act.report })
    else if (act.pieceBytes === undefined)
      await call('upload', pieceOf(task.id, act.update, { announced: act.announced }))
    else {
      let { receivedBytes: offset } = await call('uploadState', { params })
      // All of it may have arrived, and the answer may not: then nothing is sent, and thanked for.
      do {
        const piece = pieceOf(task.id, act.update, { offset, end: offset + act.pieceBytes })
        offset = (await call('upload', piece)).receivedBytes
      } while (offset < act.update.length)
    }
  }
  return {
    site,
    keys,
    call,
    signer: { ...signer, keys },
    async join(token: string): Promise<void> {
      const { secret } = decodeToken('join', token)
      await line(asNobody, '')('join', { body: { site, secret, publicKey: keys.publicKey, version: '0.1.0' } })
    },
    async decide(study: string, planHash: string, change: Partial<Grant> = {}): Promise<void> {
      const decision = { version: 1, study, planHash, site, decision: 'approved', decidedAt: clock.now(), ...change }
      const document = canonicalJson(decision)
      await call('decide', { body: { document, signature: sign(keys, 'wardround-grant-v1', document) } })
    },
    next,
    perform,
    /** Does its next task; false where there is none, or where it is silent about it. */
    async work(behaviour: Behaviour): Promise<boolean> {
      const task = await next()
      const act = task === undefined ? 'silent' : behaviour(task, site)
      if (task !== undefined) await perform(task, act)
      return act !== 'silent'
    },
  }
}

export const refOf = (bytes: Uint8Array): BlobRef => ({ sha256: sha256(bytes), sizeBytes: bytes.length })

type Cut = { readonly offset?: number; readonly end?: number; readonly announced?: BlobRef | undefined }

/** A piece of an update as a request; the whole of it, if not said otherwise. */
export const pieceOf = (task: string, update: Uint8Array, { offset = 0, end, announced }: Cut = {}) => ({
  params: { task },
  query: { offset, ...(announced ?? refOf(update)) },
  bytes: update.subarray(offset, end),
})

export const failed = (code: string, refused = false): Act => ({
  report: { kind: 'failed', code, parameters: {}, refused },
})
