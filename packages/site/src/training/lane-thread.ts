/** A thread beside the trainer's own (lanes.ts), under the same rules: it computes graphs, one call after another, and nothing else. */
import { parentPort } from 'node:worker_threads'
import type { Tensor } from 'onnxruntime-node'
import type { LaneAnswer, LaneRequest, SharedValue } from './lane-messages.ts'
import { giveUpRights } from './rights.ts'
import { bytes, floats, floatsIn, integers, openBytes, type Session } from './session.ts'

// Benchmarks and tests of threads alone have no permission model.
if (process.permission !== undefined) giveUpRights()

type Opened = {
  readonly session: Session
  readonly feeds: Readonly<Record<string, Tensor>>
  readonly outputs: readonly SharedValue[]
}

const sessions = new Map<number, Opened>()

function tensorOf({ data, shape }: SharedValue): Tensor {
  if (data instanceof Float32Array) return floats(data, shape)
  return data instanceof Int32Array ? integers(data, shape) : bytes(data, shape)
}

async function answer(request: LaneRequest): Promise<LaneAnswer> {
  if (request.kind === 'open') {
    const { session, model, options, inputs, outputs } = request
    const feeds = Object.fromEntries(inputs.map((value) => [value.name, tensorOf(value)]))
    sessions.set(session, { session: await openBytes(model, options), feeds, outputs })
    return { kind: 'done' }
  }
  const opened = sessions.get(request.session)
  if (opened === undefined) throw new TypeError('there is no such session')
  const found = await opened.session.run(opened.feeds)
  for (const { name, data } of opened.outputs) {
    const own = floatsIn(found[name])
    data.set(own)
    // At once: a collector that comes late finds many of them.
    own.buffer.transfer(0)
  }
  return { kind: 'done' }
}

const failed = (error: unknown): LaneAnswer => ({
  kind: 'failed',
  problem: error instanceof Error ? error.message : String(error),
})

const port = parentPort
port?.on(
  'message',
  (request: LaneRequest) =>
    void answer(request)
      .catch(failed)
      .then((told) => port.postMessage(told)),
)
port?.postMessage({ kind: 'done' } satisfies LaneAnswer)
