/** A graph on ONNX Runtime, with the values of the reference interpreter going in and coming out. */

// First of all: what follows loads the runtime.
import '../no-telemetry.ts'
import assert from 'node:assert/strict'
import { numbers, type Value, type Values } from '@wardround/core/graph/interpreter/values.ts'
import type { Graph } from '@wardround/core/graph/ir.ts'
import * as ort from 'onnxruntime-node'
import { openSession, type Session } from '../session.ts'

/** The outputs of one run. Numbers are rounded to their type on the way in. */
export const onRuntime = async (graph: Graph, feeds: Values): Promise<Values> =>
  outputsOf(await openSession(graph), feeds)

/** The same of a file, as any ONNX Runtime takes it. */
export const fileOnRuntime = async (bytes: Uint8Array, feeds: Values): Promise<Values> =>
  outputsOf(await ort.InferenceSession.create(bytes), feeds)

async function outputsOf(session: Session, feeds: Values): Promise<Values> {
  const outputs = await session.run(
    Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, tensorOf(value)])),
  )
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, read(value)]))
}

export function tensorOf({ type, shape, data }: Value): ort.Tensor {
  switch (type) {
    case 'float32':
      return new ort.Tensor(type, Float32Array.from(data), shape)
    case 'int32':
      return new ort.Tensor(type, Int32Array.from(data), shape)
    case 'int64':
      return new ort.Tensor(type, BigInt64Array.from(data, BigInt), shape)
    case 'uint8':
    case 'bool':
      return new ort.Tensor(type, Uint8Array.from(data), shape)
    case 'string':
      return new ort.Tensor(type, [...data], shape)
  }
}

function read(value: unknown): Value {
  assert.ok(value instanceof ort.Tensor)
  const { type, dims, data } = value
  assert.ok(type === 'float32' || type === 'uint8' || type === 'int32' || type === 'int64' || type === 'bool', type)
  return { type, shape: dims, data: Array.from(data, Number) }
}

/** How far apart two figures may be: relative, and absolute beside zero. */
export type Tolerance = { readonly relative: number; readonly absolute: number }

/** Same type, same shape, and numbers as near as Float32 arithmetic can be; NaN where NaN is. */
export function assertNear(
  found: Value | undefined,
  wanted: Value | undefined,
  { tolerance, what }: { tolerance: Tolerance; what: string },
): void {
  assert.ok(found !== undefined && wanted !== undefined, what)
  assert.deepEqual([found.type, found.shape], [wanted.type, wanted.shape], what)
  const expected = numbers(wanted).data
  for (const [index, value] of numbers(found).data.entries()) {
    const other = expected[index] ?? Number.NaN
    assert.ok(
      Object.is(value, other) || Math.abs(value - other) <= tolerance.absolute + tolerance.relative * Math.abs(other),
      `${what}: element ${index} is ${value} here and ${other} there`,
    )
  }
}
