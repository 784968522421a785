/** What a model ends in. Losses take logits: a last sigmoid or softmax is left to them. */
import type { Graph, Node } from '../ir.ts'
import type { Network } from '../network.ts'

const makerOf = ({ nodes }: Graph, name: string | undefined): Node | undefined =>
  name === undefined ? undefined : nodes.find(({ outputs }) => outputs[0] === name)

export function withoutLastActivation(graph: Graph): { graph: Graph; activation: Network['activation'] } {
  const [output] = graph.outputs
  const last = makerOf(graph, output?.name)
  const activation = last?.op === 'Sigmoid' ? 'sigmoid' : last?.op === 'Softmax' ? 'softmax' : undefined
  const [logits] = last?.inputs ?? []
  if (output === undefined || activation === undefined || logits === undefined) return { graph, activation: 'linear' }
  return { graph: { ...graph, outputs: [{ ...output, name: logits }] }, activation }
}

/** The axis that a last softmax is over, if that is what it ends in; `rank` is that of the output, with the batch. */
export function softmaxAxis(graph: Graph, rank: number): number | undefined {
  const last = makerOf(graph, graph.outputs[0]?.name)
  if (last?.op !== 'Softmax') return undefined
  const { axis } = last.attributes
  return ((axis?.kind === 'int' ? axis.value : -1) + rank) % rank
}

/** Operators that leave probabilities what they are, or nearly. */
const harmless = new Set([
  'Identity',
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Transpose',
  'Cast',
  'Clip',
  'Dropout',
])

/** A sigmoid or softmax that is not the last operator of all, and yet makes the model's output: a loss that takes it for logits would go through it twice. */
export function hiddenActivation(graph: Graph): string | undefined {
  let node = makerOf(graph, graph.outputs[0]?.name)
  for (let steps = 0; node !== undefined && harmless.has(node.op) && steps < graph.nodes.length; steps++)
    node = makerOf(graph, node.inputs[0])
  return node?.op === 'Sigmoid' || node?.op === 'Softmax' ? node.op : undefined
}
