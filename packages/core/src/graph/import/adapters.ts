/**
 * LoRA (Hu et al. 2021) for a model of a file: W + (alpha / rank)·A·B takes the place of a weight W, of which A and B alone are learnt. They are nodes and weights of the plan's graph like those that
 * the file has: whoever approves the plan sees them, and nobody who trains need know what they are.
 */
import { seededRandom } from '../../random.ts'
import type { FileLora } from '../../study/model.ts'
import { type NamedTensor, sizeOf, type Weights } from '../../weights.ts'
import { importedWords } from '../../words/en/imported.ts'
import { fill } from '../initial-weights.ts'
import type { Graph, Node, Tensor, ValueInfo } from '../ir.ts'
import { firstOfA } from '../layers/adapter.ts'
import { misfit } from '../layers/layer.ts'
import { isNamed } from '../network.ts'
import { namesIn, renamed } from './bare.ts'

export type Adapted = {
  readonly graph: Graph
  /** The file's, and behind them, for each that is adapted, A [rows, rank] and B [rank, …columns taken together]. */
  readonly weights: Weights
  /** Those of the file that have an adapter: they stay as they are. */
  readonly frozen: readonly string[]
}

/** `graph` has its weights as inputs behind its own. Errors: WR_STUDY_INVALID where a name is of nothing that can have an adapter. */
export function withAdapters(graph: Graph, weights: Weights, { rank, alpha, weights: names }: FileLora): Adapted {
  const able = new Set(multiplied(graph.nodes))
  const possible = weights.filter(({ name, shape }) => able.has(name) && shape.length >= 2)
  const idle = names.find((pattern) => !possible.some(({ name }) => isNamed(name, pattern)))
  if (idle !== undefined)
    throw misfit(
      'model.lora.weights',
      importedWords.noAdapter(
        idle,
        possible.map(({ name }) => name),
      ),
    )
  const chosen = possible.filter(({ name }) => names.some((pattern) => isNamed(name, pattern)))
  const prefix = unusedPrefix(graph)
  const scale: Tensor = { name: `${prefix}scale`, type: 'float32', shape: [], data: Float32Array.of(alpha / rank) }
  const made = chosen.map((weight) => adapterOf(weight, { rank, prefix, scale: scale.name }))
  const thin = made.flatMap((adapter) => adapter.weights)
  const sums = new Map(made.map(({ of, sum }) => [of, sum]))
  return {
    graph: {
      ...graph,
      inputs: [...graph.inputs, ...thin.map(({ name, shape }): ValueInfo => ({ name, type: 'float32', shape }))],
      initializers: [...graph.initializers, scale, ...made.flatMap(({ shape }) => shape)],
      nodes: [...made.flatMap(({ nodes }) => nodes), ...renamed({ ...graph, inputs: [], outputs: [] }, sums).nodes],
    },
    weights: [...weights, ...thin],
    frozen: chosen.map(({ name }) => name),
  }
}

const [nameOfA, nameOfB] = [(name: string) => `loraA.${name}`, (name: string) => `loraB.${name}`]
export const isAdapter = (name: string): boolean => /^lora[AB]\./.test(name)

/** Which input of an operator is multiplied by what comes from the example. */
const multiplying: Readonly<Record<string, readonly number[]>> = {
  MatMul: [0, 1],
  Gemm: [0, 1],
  Conv: [1],
  ConvTranspose: [1],
}

/** Of branches, too. */
const multiplied = (nodes: readonly Node[]): readonly string[] =>
  nodes.flatMap(({ op, domain, inputs, attributes }) => [
    ...(domain === '' && Object.hasOwn(multiplying, op) ? (multiplying[op] ?? []) : []).map((at) => inputs[at] ?? ''),
    ...Object.values(attributes).flatMap((attribute) =>
      attribute.kind === 'graph' ? multiplied(attribute.value.nodes) : [],
    ),
  ])

/** Of names that nothing in the graph has. */
function unusedPrefix({ nodes, inputs, initializers }: Graph): string {
  const taken = [
    ...namesIn(nodes),
    ...nodes.flatMap(({ outputs }) => outputs),
    ...[...inputs, ...initializers].map(({ name }) => name),
  ]
  let prefix = 'lora/'
  while (taken.some((name) => name.startsWith(prefix))) prefix = `_${prefix}`
  return prefix
}

type Place = { readonly rank: number; readonly prefix: string; readonly scale: string }

/** B starts at 0, so that the model starts as it was; A as in a layer (layers/adapter.ts), by draws that follow from the name. */
function adapterOf({ name, shape: [rows = 1, ...rest] }: NamedTensor, { rank, prefix, scale }: Place) {
  const [columns, isMatrix] = [sizeOf(rest), rest.length === 1]
  const [a, b] = [nameOfA(name), nameOfB(name)]
  const [product, scaled, shape, shaped, sum] = ['product', 'scaled', 'shape', 'shaped', 'sum'].map(
    (what) => `${prefix}${what}/${name}`,
  ) as [string, string, string, string, string]
  const node = (op: string, inputs: readonly string[], output: string): Node => ({
    op,
    domain: '',
    inputs,
    outputs: [output],
    attributes: {},
  })
  const extents: Tensor = {
    name: shape,
    type: 'int64',
    shape: [1 + rest.length],
    data: BigInt64Array.from([rows, ...rest], BigInt),
  }
  const start = new Float32Array(rows * rank)
  fill(start, firstOfA(rows), seededRandom(['lora', name]))
  return {
    of: name,
    sum,
    shape: isMatrix ? [] : [extents],
    nodes: [
      node('MatMul', [a, b], product),
      node('Mul', [product, scale], scaled),
      ...(isMatrix ? [] : [node('Reshape', [scaled, shape], shaped)]),
      node('Add', [name, isMatrix ? scaled : shaped], sum),
    ],
    weights: [
      { name: a, shape: [rows, rank], data: start },
      { name: b, shape: [rank, columns], data: new Float32Array(rank * columns) },
    ],
  }
}
