/** A hospital without data: it joins, approves, and says what a test tells it to say. */
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import { generateKeyPair, sign, verify } from '@wardround/core/protocol/signing.ts'
import { type Grant, type Task, type TaskResult, taskSchema } from '@wardround/core/protocol/task.ts'
import { decodeToken } from '@wardround/core/protocol/token.ts'
import { asNobody, asSite, type Call, type Line, type Signer, sha256 } from './requests.ts'

/** What a site does about a task: reports a result, with the update's bytes first where it trained, or nothing at all. */
export type Act = { readonly result: TaskResult; readonly update?: Uint8Array } | 'silent'
export type Behaviour = (task: Task, site: string) => Act

export type TestSite = Awaited<ReturnType<typeof testSite>>

type SiteOptions = Omit<Signer, 'keys'> & { readonly line: Line }

export async function testSite({ line, ...signer }: SiteOptions) {
  const keys = await generateKeyPair()
  const { site, clock, coordinatorKey } = signer
  const call: Call = line(asSite({ ...signer, keys }), site)
  const next = async (): Promise<Task | undefined> => {
    const { task } = await call('nextTask')
    if (task === null) return undefined
    if (!(await verify(coordinatorKey, 'wardround-task-v1', task))) throw new Error('The task is not signed.')
    return taskSchema.parse(JSON.parse(task.document))
  }
  const perform = async (task: Task, act: Act): Promise<void> => {
    if (act === 'silent') return
    if (act.update !== undefined)
      await call('upload', { params: { task: task.id }, query: { offset: 0 }, bytes: act.update })
    await call('report', { params: { task: task.id }, body: act.result })
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
      await call('decide', { body: { document, signature: await sign(keys, 'wardround-grant-v1', document) } })
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

/** A trained update as a report and its bytes. */
export const trained = (update: Uint8Array, numExamples: number): Act => ({
  update,
  result: {
    kind: 'train',
    update: { sha256: sha256(update), sizeBytes: update.length },
    numExamples,
    measurements: {},
  },
})

export const failed = (code: string, refused = false): Act => ({
  result: { kind: 'failed', code, parameters: {}, refused },
})
