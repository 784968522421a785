/** ONNX Runtime, set up so that the same graph and data give the same bits: one thread, sequential, silent. */

// First of all: what follows loads the runtime.
import './no-telemetry.ts'
import { WardroundError } from '@wardround/core/errors.ts'
import { decodeModel } from '@wardround/core/graph/decode-model.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import type { Graph } from '@wardround/core/graph/ir.ts'
import { checkGraph } from '@wardround/core/graph/safelist.ts'
import { trainerWords } from '@wardround/core/words/en/trainer.ts'
import * as ort from 'onnxruntime-node'
import type { Device } from './device.ts'

export type Outputs = ort.InferenceSession.OnnxValueMapType
export type Session = { run(feeds: Readonly<Record<string, ort.Tensor>>): Promise<Outputs> }

const options: ort.InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  // Errors only; warnings would end up in a hospital's log without saying anything that a person could act on.
  logSeverityLevel: 3,
}

/**
 * `large`: for values of which there should be no more than need be. An arena keeps what it once needed, and asks for twice as much when it needs more: for
 * small models that is time saved, for large ones it is memory. Errors: WR_GRAPH_REFUSED for a graph that the safelist does not allow,
 * WR_TRAINING_FAILED where there is no such device.
 */
export async function openSession(
  graph: Graph,
  { large = false, device = 'cpu' }: SessionChoice = {},
): Promise<Session> {
  checkGraph(graph)
  const chosen = { ...options, ...(large ? frugal : {}) }
  if (device === 'cpu') return ort.InferenceSession.create(encodeModel(graph), chosen)
  // What the GPU cannot do, such as the Scan around an epoch's steps, ONNX Runtime does on the processor by itself.
  return ort.InferenceSession.create(encodeModel(graph), { ...chosen, executionProviders: [device] }).catch(
    (error: unknown) => {
      const problem = trainerWords.noDevice(error instanceof Error ? error.message : '')
      throw new WardroundError('WR_TRAINING_FAILED', { problem }, { cause: error })
    },
  )
}

export type SessionChoice = { readonly large?: boolean; readonly device?: Device }

const frugal = { enableCpuMemArena: false, enableMemPattern: false }

export const floats = (data: Float32Array, shape: readonly number[]): ort.Tensor =>
  new ort.Tensor('float32', data, shape)
export const integers = (data: Int32Array, shape: readonly number[]): ort.Tensor => new ort.Tensor('int32', data, shape)

/** A copy of a float output, so that the runtime may reuse its memory. */
export const floatsOf = (outputs: Outputs, name: string): Float32Array<ArrayBuffer> =>
  Float32Array.from(floatsIn(outputs[name]))

/** The values themselves. */
export function floatsIn(value: ort.OnnxValue | undefined): Float32Array<ArrayBuffer> {
  if (value instanceof ort.Tensor && value.data instanceof Float32Array && value.data.buffer instanceof ArrayBuffer)
    return value.data as Float32Array<ArrayBuffer>
  throw new TypeError('there are no floats')
}

/**
 * A finished model from a file, for prediction: checked against the safelist like any other graph. Rows of predictions from columns of
 * Float32 or text, all [rows, 1]. Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED.
 */
export async function openModel(
  bytes: Uint8Array,
): Promise<(columns: Readonly<Record<string, Float32Array | readonly string[]>>) => Promise<number[][]>> {
  const { graph, opset } = decodeModel(bytes)
  checkGraph(graph)
  // What was checked, not what was read: a file can mean more to another reader than to ours.
  const session = await ort.InferenceSession.create(encodeModel(graph, {}, opset), options).catch((error: unknown) => {
    const problem = error instanceof Error ? error.message : 'ONNX Runtime does not take it'
    throw new WardroundError('WR_GRAPH_INVALID', { problem }, { cause: error })
  })
  const output = graph.outputs[0]?.name ?? ''
  return async (columns) => {
    const feeds = Object.fromEntries(
      Object.entries(columns).map(([name, data]) => [
        name,
        data instanceof Float32Array
          ? floats(data, [data.length, 1])
          : new ort.Tensor('string', [...data], [data.length, 1]),
      ]),
    )
    const values = floatsOf(await session.run(feeds), output)
    const rows = Object.values(columns)[0]?.length ?? 0
    const width = rows === 0 ? 0 : values.length / rows
    return Array.from({ length: rows }, (_, row) => [...values.subarray(row * width, (row + 1) * width)])
  }
}
