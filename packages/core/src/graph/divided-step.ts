/**
 * A step in two halves, for weights that are too large for a `Scan`, which copies what it carries. The first half is what must see whole tensors: forward
 * and backward, up to what the gradients of large tensors are made of. The second is, for each large tensor, whatever a row of it does not need the other rows
 * for: its gradient as the product of one row of the inputs and all that flows back, penalties, corrections, the optimizer. It is run in place and some rows
 * at a time, so that there never is a whole gradient, unless something needs its norm (clipping by norm, LAMB): then the first half makes it as well. These are
 * the operators of the epoch graph in its order, and their results are the same bits.
 */
import { sizeOf, type TensorSpec } from '../weights.ts'
import { type GraphBuilder, graphBuilder, namedIn } from './builder.ts'
import { type Graph, intAttribute, type Node, type Shape } from './ir.ts'
import type { DrawSpec } from './layers/layer.ts'
import type { StateSpec } from './optimizers/optimizer.ts'
import { appendStep, type StepOptions, type StepParts, stepParts } from './step.ts'

/** Any step that is divided so; also one whose gradients were made elsewhere (parted-step.ts). */
export type Halves = {
  /** The first half. Inputs: those that it needs. Outputs: the next values of small tensors, and what the updates need. */
  readonly graph: Graph
  /** Of small carried tensors: which output is the next value. */
  readonly next: ReadonlyMap<string, string>
  /** The second half: one for each large weight tensor, together with its state. */
  readonly updates: readonly Update[]
}

export type DividedStep = Halves & {
  /** The output of the first half that is the step's data loss. Its inputs are the outer values, the carried ones, the batch and the draws (step.ts). */
  readonly loss: string
  readonly state: readonly StateSpec[]
  readonly draws: readonly DrawSpec[]
}

export type Update = {
  /** Of any number of rows. Tensors of the same kind and width have the same graph. */
  readonly graph: Graph
  /** Of the tensor: rows, or single values where it is no matrix. */
  readonly shape: readonly number[]
  /** In the order of the graph's inputs. */
  readonly inputs: readonly UpdateInput[]
  /** In the order of the graph's outputs: whose next rows they are. */
  readonly next: readonly string[]
}

export type UpdateInput = {
  readonly name: string
  /** Whose values they are: an outer value's, a carried one's, or an output's of the first half. */
  readonly of: string
  /** The rows that are updated; of another matrix the columns of those numbers; or all of it. */
  readonly part: 'rows' | 'columns' | 'whole'
}

/** Tensors below so many values are not worth a call of their own. */
const usualLargeValues = 1 << 16

/** Not for pooled data sets: their layers are products that ONNX Runtime fuses with what follows, so that the halves' bits could be others. */
export function dividedStep(
  options: Omit<StepOptions, 'groups' | 'privacy'>,
  largeValues = usualLargeValues,
): DividedStep {
  const parts = stepParts(options)
  const b = graphBuilder('step/')
  for (const value of parts.outer) b.input(value)
  const { next, loss } = appendStep(b, options, parts)
  const halves = divide(b, { parts, next, results: [loss] }, largeValues)
  return { ...halves, loss, state: parts.state, draws: parts.draws }
}

type Whole = {
  readonly parts: StepParts
  /** Of what is carried on, in order. */
  readonly next: readonly string[]
  /** What else the first half is to come to. */
  readonly results: readonly string[]
}

/** A step that was appended to `b` as a whole. */
export function divide(
  b: GraphBuilder,
  { parts: { learnt, carried, optimizer }, next: nextValues, results }: Whole,
  largeValues = usualLargeValues,
): Halves {
  const values = new Map(carried.map(({ name }, index) => [name, nextValues[index] ?? '']))
  const updates = learnt
    .filter(({ shape }) => sizeOf(shape) >= largeValues)
    .map((spec) => {
      const own = optimizer.state([spec]).filter(({ shape }) => shape.length > 0)
      return updateOf(b, spec, new Map([spec, ...own].map(({ name }) => [name, values.get(name) ?? ''])))
    })
  const updated = new Set(updates.flatMap(({ next }) => next))
  const next = new Map([...values].filter(([name]) => !updated.has(name)))
  const made = new Set(b.nodes().flatMap(({ outputs }) => outputs))
  const needed = updates.flatMap(({ inputs }) => inputs.map(({ of }) => of)).filter((name) => made.has(name))
  const graph = b.build('first-half', [...new Set([...results, ...next.values(), ...needed])])
  return { graph: withoutIdleInputs(graph), next, updates }
}

/** Operators of which each value depends on the values in its own place alone. */
const eachByItself: ReadonlySet<string> = new Set([
  ...['Identity', 'Neg', 'Sqrt', 'Add', 'Sub', 'Mul', 'Div', 'Relu', 'Clip'],
])

/** The graph behind `targets`, from a carried tensor's name to the value that it becomes, as far back as each row stands by itself. */
function updateOf(b: GraphBuilder, { shape }: TensorSpec, targets: ReadonlyMap<string, string>): Update {
  const u = graphBuilder()
  const inputs: UpdateInput[] = []
  const known = new Map<string, string>()
  const producers = new Map(b.nodes().flatMap((node) => node.outputs.map((output) => [output, node])))
  const isAlike = (name: string): boolean => b.shape(name).join() === shape.join()
  const isSingle = (name: string): boolean => b.shape(name).every((extent) => extent === 1)
  const add = (of: string, part: UpdateInput['part']): string => {
    const partShapes: Record<UpdateInput['part'], Shape> = {
      rows: ['rows', ...shape.slice(1)],
      columns: [b.shape(of)[0] ?? 0, 'rows'],
      whole: b.shape(of),
    }
    const name = u.input({ name: `${part}_${inputs.length}`, type: 'float32', shape: partShapes[part] })
    inputs.push({ name, of, part })
    return name
  }
  const visit = (name: string): string => {
    const before = known.get(name)
    if (before !== undefined) return before
    const value = made(name)
    known.set(name, value)
    return value
  }
  const made = (name: string): string => {
    const [constant, node] = [b.constant(name), producers.get(name)]
    if (constant?.type === 'float32' && sizeOf(constant.shape) === 1) return u.scalar(constant.data[0] ?? Number.NaN)
    if (!isAlike(name)) return add(name, 'whole')
    if (node !== undefined && eachByItself.has(node.op) && node.inputs.every((one) => isAlike(one) || isSingle(one)))
      return u.node(node.op, node.inputs.map(visit))
    const [x = '', dy = ''] = node?.inputs ?? []
    if (node !== undefined && isProductOfColumns(node))
      return u.node(node.op, [add(x, 'columns'), add(dy, 'whole')], { attributes: node.attributes })
    return add(name, 'rows')
  }
  const outputs = [...targets.values()].map(visit)
  return { graph: u.build('update', outputs), shape, inputs, next: [...targets.keys()] }
}

/** xᵀ·y: a row of it is made of one column of x. */
const isProductOfColumns = (node: Node): boolean =>
  node.op === 'Gemm' &&
  node.inputs.length === 2 &&
  intAttribute(node, 'transA', 0) === 1 &&
  intAttribute(node, 'transB', 0) === 0

/** Whatever only updates read. */
export function withoutIdleInputs(graph: Graph): Graph {
  const used = new Set([...graph.nodes.flatMap(namedIn), ...graph.outputs.map(({ name }) => name)])
  return { ...graph, inputs: graph.inputs.filter(({ name }) => used.has(name)) }
}
