/** The second half of a divided step: a large tensor's next values in the place of those before, some rows at a time. */
import type { Update, UpdateInput } from '@wardround/core/graph/divided-step.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import type { Tensor } from 'onnxruntime-node'
import type { Feeds } from './feeds.ts'
import { floats, floatsIn, openSession, type Session } from './session.ts'

export type UpdateSession = { readonly update: Update; readonly session: Session }

/** Tensors of the same kind and width share a session. */
export async function openUpdates(updates: readonly Update[]): Promise<readonly UpdateSession[]> {
  const sessions = new Map<string, Session>()
  const opened: UpdateSession[] = []
  for (const update of updates) {
    const key = JSON.stringify([update.shape.slice(1), update.graph.nodes, update.graph.inputs])
    const session = sessions.get(key) ?? (await openSession(update.graph, { amount: 'between' }))
    sessions.set(key, session)
    opened.push({ update, session })
  }
  return opened
}

/** So many values at once, and no fewer rows than `rows`, but for a tensor that has fewer. */
export type RangeSize = { readonly values: number; readonly rows: number }

/** Half a MB: what a call needs beside it does not count, and the call itself hardly. On some processors ONNX Runtime may multiply a few rows in another way than many. */
export const usualRange: RangeSize = { values: 1 << 17, rows: 16 }

/** Errors: none of its own; a value that is missing is one of ours. */
export async function runUpdate({ update, session }: UpdateSession, values: Feeds, size: RangeSize): Promise<void> {
  const [rows = 0, ...width] = update.shape
  const count = Math.max(size.rows, Math.floor(size.values / sizeOf(width)))
  for (let from = 0; from < rows; ) {
    // What is left over goes with the last ones, rather than by itself.
    const to = rows - from < 2 * count ? rows : from + count
    const feeds = update.inputs.map(
      (input) => [input.name, partOf(tensorOf(values, input.of), input.part, { from, to })] as const,
    )
    const outputs = await session.run(Object.fromEntries(feeds))
    for (const [index, { name }] of update.graph.outputs.entries()) {
      const [next, all] = [floatsIn(outputs[name]), floatsIn(tensorOf(values, update.next[index] ?? ''))]
      all.set(next, from * sizeOf(width))
      // At once: a collector that comes late finds hundreds of them.
      next.buffer.transfer(0)
    }
    from = to
  }
}

type Rows = { readonly from: number; readonly to: number }

function partOf(value: Tensor, part: UpdateInput['part'], { from, to }: Rows): Tensor {
  if (part === 'whole') return value
  const { data, dims } = value
  // What a lane has come to is in memory that it shares.
  if (!(data instanceof Float32Array)) throw new TypeError('there are no floats')
  const [first = 0, ...rest] = dims
  if (part === 'rows') return floats(data.subarray(from * sizeOf(rest), to * sizeOf(rest)), [to - from, ...rest])
  const [width = 0] = rest
  const columns = new Float32Array(first * (to - from))
  for (let row = 0; row < first; row++)
    columns.set(data.subarray(row * width + from, row * width + to), row * (to - from))
  return floats(columns, [first, to - from])
}

function tensorOf(values: Feeds, name: string): Tensor {
  const value = values[name]
  if (value === undefined) throw new TypeError(`there is no ${name}`)
  return value
}
