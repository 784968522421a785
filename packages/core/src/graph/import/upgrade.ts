/** Nodes of older operator sets in the form that they have now (opset 21): what were attributes are inputs today. */
import { WardroundError } from '../../errors.ts'
import { type Attribute, int, type Node, type Tensor, text } from '../ir.ts'

export const oldestOpset = 11
/** Later sets have changed nothing of what is allowed here but the types that it takes. */
export const newestOpset = 25

/** Errors: WR_GRAPH_REFUSED. */
export function requireOpset(opset: number): void {
  if (opset < oldestOpset || opset > newestOpset)
    throw new WardroundError('WR_GRAPH_REFUSED', {
      problem: `it is of operator set ${opset}; ${oldestOpset} to ${newestOpset} are understood`,
    })
}

export type Upgraded = {
  readonly node: Node
  /** New constants that the node names. */
  readonly constants: readonly Tensor[]
}

/** Attributes that became inputs, in the order of these: by operator, up to which set, where they stand. */
const moved: Readonly<Record<string, { readonly before: number; readonly attributes: readonly string[] }>> = {
  Squeeze: { before: 13, attributes: ['axes'] },
  Unsqueeze: { before: 13, attributes: ['axes'] },
  ReduceSum: { before: 13, attributes: ['axes'] },
  Split: { before: 13, attributes: ['split'] },
  ...Object.fromEntries(
    [
      ...['ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceSumSquare'],
      ...['ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp'],
    ].map((op) => [op, { before: 18, attributes: ['axes'] }]),
  ),
}

/** `prefix` begins the names of what it adds. */
export function upgraded(node: Node, opset: number, prefix: string): Upgraded {
  const rule = Object.hasOwn(moved, node.op) ? moved[node.op] : undefined
  if (rule !== undefined && opset < rule.before) {
    const constants = rule.attributes.flatMap((name): Tensor[] => {
      const attribute = node.attributes[name]
      if (attribute?.kind !== 'ints') return []
      const data = BigInt64Array.from(attribute.value, BigInt)
      return [{ name: `${prefix}/${name}`, type: 'int64', shape: [data.length], data }]
    })
    const attributes = without(node.attributes, rule.attributes)
    return { node: { ...node, inputs: [...node.inputs, ...constants.map(({ name }) => name)], attributes }, constants }
  }
  if (node.op === 'Split' && opset < 18 && node.inputs.length === 1)
    return {
      node: { ...node, attributes: { ...node.attributes, num_outputs: int(node.outputs.length) } },
      constants: [],
    }
  if (node.op === 'GridSample' && opset < 20)
    return { node: { ...node, attributes: renamed(node.attributes) }, constants: [] }
  return { node, constants: [] }
}

/** What was called bilinear is linear since it is for any number of axes. */
function renamed({ mode, ...others }: Node['attributes']): Node['attributes'] {
  if (mode === undefined) return others
  const isLinear = mode.kind === 'string' && mode.value === 'bilinear'
  return { ...others, mode: isLinear ? text('linear') : mode }
}

const without = (
  attributes: Readonly<Record<string, Attribute>>,
  names: readonly string[],
): Readonly<Record<string, Attribute>> =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => !names.includes(name)))
