/**
 * What a graph means: a plain interpreter in Float64, from ONNX's operator documents (opset 21). It knows nothing of the shape rules or of
 * the gradient rules, so that it can judge both; in packages/site/src/training it is held against ONNX Runtime. What a model computes from constants alone is
 * worked out by it, too (import/fold.ts).
 */
import { type Graph, intAttribute, intsAttribute, type Node } from '../ir.ts'
import { operators } from './operators/registry.ts'
import { fromTensor, rearranged, type Value, type Values } from './values.ts'

/** The outputs of `graph`, by name. `around` holds the values of the graphs around it. */
export function run(graph: Graph, feeds: Values, around: ReadonlyMap<string, Value> = new Map()): Values {
  const known = new Map(around)
  for (const tensor of graph.initializers) known.set(tensor.name, fromTensor(tensor))
  for (const { name } of graph.inputs) known.set(name, named(new Map(Object.entries(feeds)), name))
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : named(known, name)))
    const outputs = node.op === 'Scan' ? scan(node, inputs.map(given), known) : evaluate(node, inputs)
    for (const [index, name] of node.outputs.entries()) if (name !== '') known.set(name, given(outputs[index]))
  }
  return Object.fromEntries(graph.outputs.map(({ name }) => [name, named(known, name)]))
}

function named(values: ReadonlyMap<string, Value>, name: string): Value {
  const value = values.get(name)
  if (value === undefined) throw new TypeError(`there is no value ${name}`)
  return value
}

function given(value: Value | undefined): Value {
  if (value === undefined) throw new TypeError('a value is missing')
  return value
}

/** The outputs of one operator. */
export function evaluate(node: Node, inputs: readonly (Value | undefined)[]): readonly Value[] {
  const operator = Object.hasOwn(operators, node.op) ? operators[node.op] : undefined
  if (operator === undefined) throw new TypeError(`the reference interpreter does not know ${node.op}`)
  const made = operator(node, inputs)
  return 'shape' in made ? [made] : made
}

/**
 * States are carried from step to step; each scanned input gives a slice of its first axis, each scanned output collects one. A direction of 1 starts with the
 * last slice, and collects each in front of those before it.
 */
function scan(node: Node, inputs: readonly Value[], around: ReadonlyMap<string, Value>): readonly Value[] {
  const body = node.attributes.body
  if (body?.kind !== 'graph') throw new TypeError('Scan without a body')
  if (intsAttribute(node, 'scan_input_axes')?.some((axis) => axis !== 0)) throw new TypeError('Scan along another axis')
  const carried = inputs.length - intAttribute(node, 'num_scan_inputs', 0)
  const scanned = inputs.slice(carried)
  let states = inputs.slice(0, carried)
  const collected: Value[][] = body.value.outputs.slice(carried).map(() => [])
  const steps = scanned[0]?.shape[0] ?? 0
  const isBackwards = (name: string, index: number): boolean => intsAttribute(node, name)?.[index] === 1
  for (let step = 0; step < steps; step++) {
    const slices = scanned.map((value, index) => {
      const from = isBackwards('scan_input_directions', index) ? steps - 1 - step : step
      return rearranged(value, value.shape.slice(1), (place) => [from, ...place])
    })
    const values = [...states, ...slices]
    const outputs = run(
      body.value,
      Object.fromEntries(body.value.inputs.map(({ name }, index) => [name, given(values[index])])),
      around,
    )
    const results = body.value.outputs.map(({ name }) => given(outputs[name]))
    states = results.slice(0, carried)
    for (const [index, value] of results.slice(carried).entries()) collected[index]?.push(value)
  }
  return [
    ...states,
    ...collected.map((parts, index) =>
      stacked(isBackwards('scan_output_directions', index) ? parts.toReversed() : parts),
    ),
  ]
}

function stacked(parts: readonly Value[]): Value {
  const first = given(parts[0])
  const shape = [parts.length, ...first.shape]
  return first.type === 'string'
    ? { type: 'string', shape, data: parts.flatMap((part) => (part.type === 'string' ? part.data : [])) }
    : { type: first.type, shape, data: parts.flatMap((part) => (part.type === 'string' ? [] : part.data)) }
}
