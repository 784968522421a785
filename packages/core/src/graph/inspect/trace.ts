/**
 * What a model file computes of an example, node by node, as it was found when the model was tried. What follows from constants or weights alone, and other
 * names for the same value, are left out.
 */
import type { WardroundError } from '../../errors.ts'
import type { Watch } from '../import/replay.ts'
import type { Extents } from '../layers/layer.ts'

export type TracedNode = {
  readonly op: string
  /** The first output's name in the file. */
  readonly name: string
  /** Of one example. */
  readonly output: Extents
  /** The nodes that its inputs come from, by their place in the trace; −1 is the example itself. */
  readonly from: readonly number[]
  /** The weights that it is the first to use. */
  readonly weights: readonly string[]
}

/** A node that could not be appended. */
export type Failure = { readonly op: string; readonly error: WardroundError }

export type Trace = { readonly nodes: readonly TracedNode[]; readonly failures: readonly Failure[] }

type Origin = { readonly from: readonly number[]; readonly weights: readonly string[] }

/** Without the batch: its axis, or its share of the first one, where examples have been laid out one behind the other. */
function ofOneExample(shape: readonly number[], batch: number): Extents {
  const axis = shape.indexOf(batch)
  if (axis >= 0) return shape.toSpliced(axis, 1)
  const [first = 1, ...rest] = shape
  return first % batch === 0 ? [first / batch, ...rest] : shape
}

/** Keeps what it sees. `input` is what the example is called in the graph; what nothing seen makes is a weight. */
export function tracer(input: string, batch: number): { readonly watch: Watch; trace(): Trace } {
  const nodes: TracedNode[] = []
  const failures: Failure[] = []
  const origins = new Map<string, Origin>([[input, { from: [-1], weights: [] }]])
  const met = new Set<string>()
  const originOf = (name: string): Origin => origins.get(name) ?? { from: [], weights: [name] }
  return {
    watch: {
      failed: (node, error) => void failures.push({ op: node.op, error }),
      appended(node, { b, values }) {
        const inGraph = (name: string): string[] => {
          const known = name !== '' && values.has(name) ? values.get(name) : undefined
          return known !== undefined && 'name' in known ? [known.name] : []
        }
        const made = node.outputs.flatMap(inGraph).filter((name) => !origins.has(name))
        const [first] = made
        const operands = node.inputs.flatMap(inGraph)
        // Another name for what is known, or a constant.
        if (first === undefined) return
        const origin = operands.map(originOf)
        const from = [...new Set(origin.flatMap((each) => each.from))]
        const weights = [...new Set(origin.flatMap((each) => each.weights))]
        if (from.length === 0) {
          for (const name of made) origins.set(name, { from, weights })
          return
        }
        for (const name of made) origins.set(name, { from: [nodes.length], weights: [] })
        const own = weights.filter((name) => !met.has(name))
        for (const name of own) met.add(name)
        const output = ofOneExample(b.shape(first).map(Number), batch)
        nodes.push({ op: node.op, name: node.outputs[0] ?? '', output, from, weights: own })
      },
    },
    trace: () => ({ nodes, failures }),
  }
}
