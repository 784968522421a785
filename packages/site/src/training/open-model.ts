/** Models from files, for prediction. By themselves: a trainer's process reads none. */

import { WardroundError } from '@wardround/core/errors.ts'
import { decodeModel } from '@wardround/core/graph/decode-model.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import { checkGraph } from '@wardround/core/graph/safelist.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import type { Tensor } from 'onnxruntime-node'
import { floats, floatsOf, bytes as levels, openBytes, texts } from './session.ts'

/** Of a finished model's input: numbers or text [rows, 1], or an image's levels [rows, …extents]. */
export type ColumnValues = Float32Array | readonly string[] | Uint8Array

/**
 * A finished model from a file, for prediction: checked against the safelist like any other graph. Rows of predictions from columns. Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED.
 */
export async function openModel(
  bytes: Uint8Array,
): Promise<(columns: Readonly<Record<string, ColumnValues>>) => Promise<number[][]>> {
  const { graph, opset } = decodeModel(bytes)
  checkGraph(graph)
  // What was checked, not what was read: a file can mean more to another reader than to ours.
  const session = await openBytes(encodeModel(graph, {}, opset)).catch((error: unknown) => {
    const problem = error instanceof Error ? error.message : 'ONNX Runtime does not take it'
    throw new WardroundError('WR_GRAPH_INVALID', { problem }, { cause: error })
  })
  const output = graph.outputs[0]?.name ?? ''
  const extents = new Map(graph.inputs.map(({ name, shape }) => [name, shape.slice(1).map(Number)]))
  return async (columns) => {
    const feeds = Object.fromEntries(
      Object.entries(columns).map(([name, data]) => [name, columnTensor(data, extents.get(name) ?? [1])]),
    )
    const values = floatsOf(await session.run(feeds), output)
    const [first] = Object.values(feeds)
    const rows = first?.dims[0] ?? 0
    const width = rows === 0 ? 0 : values.length / rows
    return Array.from({ length: rows }, (_, row) => [...values.subarray(row * width, (row + 1) * width)])
  }
}

function columnTensor(data: ColumnValues, extents: readonly number[]): Tensor {
  if (data instanceof Float32Array) return floats(data, [data.length, 1])
  if (data instanceof Uint8Array) return levels(data, [data.length / sizeOf(extents), ...extents])
  return texts(data, [data.length, 1])
}
