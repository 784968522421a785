/** Builds a graph node by node, naming values and knowing the type and shape of each as it goes. */
import { WardroundError } from '../errors.ts'
import type { Attribute, Graph, Node, Shape, Tensor, ValueInfo } from './ir.ts'
import { graphLimits } from './safelist.ts'
import { inferNode } from './shapes/registry.ts'
import type { TypedShape } from './shapes/rule.ts'

export type GraphBuilder = {
  /** Declares an input of the graph. */
  input(value: ValueInfo): string
  /** A value of a surrounding graph that this one may name. */
  outer(value: ValueInfo): string
  initializer(tensor: Tensor): string
  /** A float constant, one for each distinct value: `shape` [] unless said otherwise. */
  scalar(value: number): string
  /** A one-dimensional int64 constant, as axes and shapes are given. */
  axes(values: readonly number[]): string
  /** A float constant of a shape. */
  table(shape: readonly number[], values: ArrayLike<number>): string
  /** Appends an operator with one output, whose name it returns. */
  node(op: string, inputs: readonly string[], options?: NodeOptions): string
  /** Appends an operator with several outputs, so many or of these names; '' is one that nobody wants. */
  several(op: string, inputs: readonly string[], options: SeveralOptions): readonly string[]
  /** Appends an operator with several outputs of known types and shapes (Scan). */
  call(op: string, inputs: readonly string[], options: NodeOptions & { outputs: readonly ValueInfo[] }): void
  /** Appends what `append` does; it is differentiated as if it were the node that comes back, whose outputs are values that were made. */
  asOne(append: () => Node): void
  /** A name that nothing has yet, for what is not made here: values of a subgraph. */
  unused(op: string): string
  info(name: string): TypedShape
  shape(name: string): Shape
  constant(name: string): Tensor | undefined
  nodes(): readonly Node[]
  /** What is to be differentiated: as nodes(), but what was appended as one is one. */
  wholes(): readonly Node[]
  /** The graph that computes `outputs`; nodes and constants that they do not need are left out. */
  build(name: string, outputs: readonly string[]): Graph
}

type NodeOptions = { readonly attributes?: Readonly<Record<string, Attribute>>; readonly name?: string }

type SeveralOptions = Omit<NodeOptions, 'name'> & {
  readonly outputs: number | readonly string[]
}

type State = {
  readonly inputs: ValueInfo[]
  readonly initializers: Map<string, Tensor>
  readonly nodes: Node[]
  readonly wholes: Node[]
  readonly values: Map<string, TypedShape>
  counter: number
  tableValues: number
}

/** Of all tables together: 128 MiB. */
const mostTableValues = 2 ** 25

/** A site would refuse it anyway (safelist.ts): whoever builds what a stranger asks for need not come to its end. */
function roomFor(state: State, values: ArrayLike<number>): ArrayLike<number> {
  state.tableValues += values.length
  if (state.nodes.length >= graphLimits.nodes) throw refused(`it comes to more than ${graphLimits.nodes} nodes`)
  if (state.tableValues > mostTableValues) throw refused('its tables of constants come to more than 128 MiB')
  return values
}

const refused = (problem: string): WardroundError => new WardroundError('WR_GRAPH_REFUSED', { problem })

const emptyState = (): State => ({
  inputs: [],
  initializers: new Map(),
  nodes: [],
  wholes: [],
  values: new Map(),
  counter: 0,
  tableValues: 0,
})

/** What all appending comes down to. */
function recorder(state: State) {
  const info = (name: string): TypedShape => {
    const found = state.values.get(name)
    if (found === undefined) throw new WardroundError('WR_GRAPH_INVALID', { problem: `there is no value ${name}` })
    return found
  }
  const define = (name: string, value: TypedShape): string => {
    if (state.values.has(name)) throw new WardroundError('WR_GRAPH_INVALID', { problem: `${name} is defined twice` })
    state.values.set(name, value)
    return name
  }
  const push = (made: Node): void => {
    state.nodes.push(made)
    state.wholes.push(made)
  }
  return { info, define, push }
}

/** `prefix` keeps the names of nested graphs apart. Errors: WR_GRAPH_INVALID for unknown names and shapes that do not fit, WR_GRAPH_REFUSED for more than a site executes. */
export function graphBuilder(prefix = ''): GraphBuilder {
  const state = emptyState()
  const { info, define, push } = recorder(state)
  const initializer = (tensor: Tensor): string => {
    state.initializers.set(tensor.name, tensor)
    return define(tensor.name, tensor)
  }
  const once = (name: string, tensor: () => Tensor): string => (state.values.has(name) ? name : initializer(tensor()))
  const append = (made: Node): readonly string[] => {
    roomFor(state, [])
    const typed = inferNode(made, { info, constant: (input) => state.initializers.get(input) })
    push(made)
    for (const [index, value] of typed.entries()) {
      const name = made.outputs[index] ?? ''
      if (name !== '') define(name, value)
    }
    return made.outputs
  }
  const fresh = (op: string): string => {
    state.counter += 1
    return `${prefix}${op}_${state.counter}`
  }
  const node: GraphBuilder['node'] = (op, given, { name = fresh(op), attributes = {} } = {}) => {
    const rank = columnsRank(op, given, info)
    const inputs = given.map((input) => withAxes(state.initializers.get(input), { name: input, rank, once }))
    append({ op, domain: '', inputs, outputs: [name], attributes })
    return name
  }
  const several: GraphBuilder['several'] = (op, inputs, { outputs, attributes = {} }) => {
    const names = typeof outputs === 'number' ? Array.from({ length: outputs }, () => fresh(op)) : outputs
    return append({ op, domain: '', inputs, outputs: names, attributes })
  }
  return {
    input: (value) => {
      state.inputs.push(value)
      return define(value.name, value)
    },
    outer: (value) => define(value.name, value),
    initializer,
    scalar: (value) => {
      const name = `${prefix}const_${value}`
      return once(name, () => floatTensor(name, [], [value]))
    },
    axes: (values) => {
      const name = `${prefix}axes_${values.join('_')}`
      return once(name, () => integers(name, values))
    },
    table: (shape, values) => initializer(floatTensor(fresh('table'), shape, roomFor(state, values))),
    node,
    several,
    call: (op, inputs, { outputs, attributes = {} }) => {
      for (const input of inputs) info(input)
      for (const output of outputs) define(output.name, output)
      push({ op, domain: '', inputs, outputs: outputs.map(({ name }) => name), attributes })
    },
    asOne(appendParts) {
      const before = state.wholes.length
      const whole = appendParts()
      state.wholes.splice(before, state.wholes.length, whole)
    },
    unused: fresh,
    info,
    shape: (name) => info(name).shape,
    constant: (name) => state.initializers.get(name),
    nodes: () => state.nodes,
    wholes: () => state.wholes,
    build: (name, outputs) => ({
      name,
      inputs: [...state.inputs],
      outputs: outputs.map((output) => ({ name: output, ...pick(info(output)) })),
      ...live(state, outputs),
    }),
  }
}

const broadcasting: ReadonlySet<string> = new Set([
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Where'],
  ...['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'],
])

/**
 * How many axes an operator's operands have if the last extent is 1, else 0. ONNX Runtime takes such values one by one when they meet a scalar without axes, which
 * for three thousand of them is fifty times as long as with [1, 1].
 */
function columnsRank(op: string, inputs: readonly string[], info: GraphBuilder['info']): number {
  if (!broadcasting.has(op)) return 0
  const [widest = []] = inputs.map((input) => info(input).shape).toSorted((a, b) => b.length - a.length)
  return widest.length > 1 && widest.at(-1) === 1 ? widest.length : 0
}

type Once = (name: string, tensor: () => Tensor) => string

/** A scalar constant with so many axes; anything else as it is. */
function withAxes(constant: Tensor | undefined, { name, rank, once }: { name: string; rank: number; once: Once }) {
  if (rank === 0 || constant?.type !== 'float32' || constant.shape.length > 0) return name
  const other = `${name}_${rank}`
  return once(other, () => ({ ...constant, name: other, shape: new Array<number>(rank).fill(1) }))
}

const floatTensor = (name: string, shape: readonly number[], values: ArrayLike<number>): Tensor => ({
  name,
  type: 'float32',
  shape,
  data: Float32Array.from(values),
})

const integers = (name: string, values: readonly number[]): Tensor => ({
  name,
  type: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
})

const pick = ({ type, shape }: TypedShape): TypedShape => ({ type, shape })

/** What the outputs need, and nothing else: a gradient rule may make parts that nobody asks for. */
function live(state: State, outputs: readonly string[]): Pick<Graph, 'nodes' | 'initializers'> {
  const wanted = new Set(outputs)
  const nodes = neededFor(wanted, state.nodes)
  return { nodes, initializers: [...state.initializers.values()].filter(({ name }) => wanted.has(name)) }
}

/** Nodes that `wanted` needs, whose names are added to it. */
export function neededFor(wanted: Set<string>, nodes: readonly Node[]): readonly Node[] {
  const needed = nodes.toReversed().filter((node) => {
    if (!node.outputs.some((output) => wanted.has(output))) return false
    for (const name of namedIn(node)) wanted.add(name)
    return true
  })
  return needed.toReversed()
}

/** Names that a node and its subgraphs use; some are of the subgraphs themselves. */
export const namedIn = (node: Node): readonly string[] => [
  ...node.inputs,
  ...Object.values(node.attributes).flatMap((attribute) =>
    attribute.kind === 'graph'
      ? [...attribute.value.outputs.map(({ name }) => name), ...attribute.value.nodes.flatMap(namedIn)]
      : [],
  ),
]
