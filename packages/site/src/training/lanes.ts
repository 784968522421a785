/** Where parts of a batch are worked on: in this thread, and in threads beside it, which share memory with it. The same graph gives the same bits in any of them. */
import { Worker } from 'node:worker_threads'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import type { Graph } from '@wardround/core/graph/ir.ts'
import { checkGraph } from '@wardround/core/graph/safelist.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import type { Tensor } from 'onnxruntime-node'
import { letGo } from '../memory.ts'
import type { Device } from './device.ts'
import type { Feeds } from './feeds.ts'
import type { LaneAnswer, LaneRequest, SharedValue } from './lane-messages.ts'
import { floatsIn, openSession } from './session.ts'
import { type Amount, optionsFor } from './session-options.ts'

/** Computes graphs of float outputs whose extents are all known, one call after another. */
export type Lane = { open(graph: Graph, amount: Amount): Promise<LaneSession> }

/** Its outputs, in order; they are good until the next call. */
export type LaneSession = { run(feeds: Feeds): Promise<readonly Float32Array[]> }

/** At least one. */
export type Lanes = readonly Lane[]

/** This thread. Others go on while it computes, and nothing else does. */
export const ownLane = (device: Device): Lane => ({
  async open(graph, amount) {
    const session = await openSession(graph, { amount, device })
    let before: Float32Array<ArrayBuffer>[] = []
    return {
      async run(feeds) {
        // At once, so that the runtime has it again: a collector that comes late finds many of them.
        letGo(before)
        const outputs = await session.run(
          Object.fromEntries(graph.inputs.map(({ name }) => [name, given(feeds, name)])),
        )
        before = graph.outputs.map(({ name }) => floatsIn(outputs[name]))
        return before
      },
    }
  },
})

export type Threads = { readonly lanes: Lanes; close(): Promise<void> }

/** So many threads beside this one, once each has loaded the runtime. Whatever ends one of them ends the process. */
export async function startThreads(count: number): Promise<Threads> {
  const workers = Array.from({ length: count }, () => new Worker(new URL('./lane-thread.ts', import.meta.url)))
  const lanes = await Promise.all(workers.map(laneOf))
  return {
    lanes,
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

async function laneOf(worker: Worker): Promise<Lane> {
  const { ask, ready } = conversation(worker)
  await ready
  let opened = 0
  return {
    async open(graph, amount) {
      checkGraph(graph)
      const [inputs, outputs] = [graph.inputs.map(sharedValue), graph.outputs.map(sharedValue)]
      const session = opened++
      await ask({
        kind: 'open',
        session,
        model: encodeModel(graph),
        options: optionsFor(graph, amount),
        inputs,
        outputs,
      })
      const results = outputs.map(({ data }) => data).filter((data) => data instanceof Float32Array)
      return {
        async run(feeds) {
          for (const { name, data } of inputs) copyInto(data, given(feeds, name).data)
          await ask({ kind: 'run', session })
          return results
        },
      }
    },
  }
}

/** One question at a time. Nobody waits for a thread that has not been asked anything. */
function conversation(worker: Worker) {
  let waiting: PromiseWithResolvers<void> | undefined = Promise.withResolvers<void>()
  const ready = waiting.promise
  worker.on('message', (answer: LaneAnswer) => {
    const [asked] = [waiting]
    waiting = undefined
    worker.unref()
    if (answer.kind === 'failed') asked?.reject(new Error(answer.problem))
    else asked?.resolve()
  })
  const ask = (request: LaneRequest): Promise<void> => {
    if (waiting !== undefined) throw new TypeError('it has not answered yet')
    waiting = Promise.withResolvers<void>()
    worker.ref()
    worker.postMessage(request)
    return waiting.promise
  }
  return { ask, ready }
}

function given(feeds: Feeds, name: string): Tensor {
  const value = feeds[name]
  if (value === undefined) throw new TypeError(`there is no ${name}`)
  return value
}

function sharedValue({ name, type, shape }: Graph['inputs'][number]): SharedValue {
  const extents = shape.map(Number)
  return {
    name,
    shape: extents,
    data: arrayOf(type, new SharedArrayBuffer(sizeOf(extents) * (type === 'uint8' ? 1 : 4))),
  }
}

function arrayOf(type: string, memory: SharedArrayBuffer): SharedValue['data'] {
  switch (type) {
    case 'float32':
      return new Float32Array(memory)
    case 'int32':
      return new Int32Array(memory)
    case 'uint8':
      return new Uint8Array(memory)
    default:
      throw new TypeError(`no lane takes ${type}`)
  }
}

function copyInto(to: SharedValue['data'], from: unknown): void {
  if (to instanceof Float32Array && from instanceof Float32Array) to.set(from)
  else if (to instanceof Int32Array && from instanceof Int32Array) to.set(from)
  else if (to instanceof Uint8Array && from instanceof Uint8Array) to.set(from)
  else throw new TypeError('there is no such value')
}
