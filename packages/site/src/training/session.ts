/** ONNX Runtime, set up so that the same graph and data give the same bits: one thread, sequential, silent. */

import { encodeModel } from '@wardround/core/graph/codec.ts'
import type { Graph } from '@wardround/core/graph/ir.ts'
import { checkGraph } from '@wardround/core/graph/safelist.ts'
import * as ort from 'onnxruntime-node'

export type Session = {
  run(feeds: Readonly<Record<string, ort.Tensor>>): Promise<ort.InferenceSession.OnnxValueMapType>
}

const options: ort.InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  // Errors only; warnings would end up in a hospital's log without saying anything that a person could act on.
  logSeverityLevel: 3,
}

/** Errors: WR_GRAPH_REFUSED for a graph that the safelist does not allow. */
export async function openSession(graph: Graph): Promise<Session> {
  checkGraph(graph)
  return ort.InferenceSession.create(encodeModel(graph), options)
}

export const floats = (data: Float32Array, shape: readonly number[]): ort.Tensor =>
  new ort.Tensor('float32', data, shape)
export const integers = (data: Int32Array, shape: readonly number[]): ort.Tensor => new ort.Tensor('int32', data, shape)

/** A copy of a float output, so that the runtime may reuse its memory. */
export function floatsOf(outputs: ort.InferenceSession.OnnxValueMapType, name: string): Float32Array<ArrayBuffer> {
  const value = outputs[name]
  if (!(value instanceof ort.Tensor) || !(value.data instanceof Float32Array))
    throw new TypeError(`no float output ${name}`)
  return Float32Array.from(value.data)
}
