/** ONNX Runtime, set up so that the same graph and data give the same bits: one thread, sequential, silent. */

// First of all: what follows loads the runtime.
import './no-telemetry.ts'
import { WardroundError } from '@wardround/core/errors.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import type { Graph } from '@wardround/core/graph/ir.ts'
import { checkGraph } from '@wardround/core/graph/safelist.ts'
import { trainerWords } from '@wardround/core/words/en/trainer.ts'
import * as ort from 'onnxruntime-node'
import type { Device } from './device.ts'
import { type Amount, optionsFor, type SessionOptions, sessionOptions } from './session-options.ts'

export type Outputs = ort.InferenceSession.OnnxValueMapType
export type Session = { run(feeds: Readonly<Record<string, ort.Tensor>>): Promise<Outputs> }

export type SessionChoice = { readonly amount?: Amount; readonly device?: Device }

/** Errors: WR_GRAPH_REFUSED for a graph that the safelist does not allow, WR_TRAINING_FAILED where there is no such device. */
export async function openSession(
  graph: Graph,
  { amount = 'little', device = 'cpu' }: SessionChoice = {},
): Promise<Session> {
  checkGraph(graph)
  const chosen = optionsFor(graph, amount)
  if (device === 'cpu') return ort.InferenceSession.create(encodeModel(graph), chosen)
  // What the GPU cannot do, such as the Scan around an epoch's steps, ONNX Runtime does on the processor by itself.
  return ort.InferenceSession.create(encodeModel(graph), { ...chosen, executionProviders: [device] }).catch(
    (error: unknown) => {
      const problem = trainerWords.noDevice(error instanceof Error ? error.message : '')
      throw new WardroundError('WR_TRAINING_FAILED', { problem }, { cause: error })
    },
  )
}

/** Of a graph that somebody has checked. */
export const openBytes = (model: Uint8Array, options: SessionOptions = sessionOptions('little')): Promise<Session> =>
  ort.InferenceSession.create(model, options)

export const texts = (data: readonly string[], shape: readonly number[]): ort.Tensor =>
  new ort.Tensor('string', [...data], shape)
export const floats = (data: Float32Array, shape: readonly number[]): ort.Tensor =>
  new ort.Tensor('float32', data, shape)
export const bytes = (data: Uint8Array, shape: readonly number[]): ort.Tensor => new ort.Tensor('uint8', data, shape)
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
