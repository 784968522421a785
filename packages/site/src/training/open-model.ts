/** Models from files, for prediction. By themselves: a trainer's process reads none. */

// First of all: what follows loads the runtime.
import './no-telemetry.ts'
import { WardroundError } from '@wardround/core/errors.ts'
import { decodeModel } from '@wardround/core/graph/decode-model.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import { checkGraph } from '@wardround/core/graph/safelist.ts'
import * as ort from 'onnxruntime-node'
import { floats, floatsOf, sessionOptions } from './session.ts'

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
  const session = await ort.InferenceSession.create(encodeModel(graph, {}, opset), sessionOptions).catch(
    (error: unknown) => {
      const problem = error instanceof Error ? error.message : 'ONNX Runtime does not take it'
      throw new WardroundError('WR_GRAPH_INVALID', { problem }, { cause: error })
    },
  )
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
