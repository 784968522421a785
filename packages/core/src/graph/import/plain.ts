/** A node of a file that is appended as it stands, or worked out at once. */
import type { GraphBuilder } from '../builder.ts'
import { intAttribute, type Node } from '../ir.ts'
import type { Context } from '../layers/layer.ts'
import type { Folder } from './fold.ts'
import { invalid, refused, type Values } from './known.ts'

export type Replay = {
  readonly b: GraphBuilder
  readonly values: Values
  readonly folder: Folder
  readonly opset: number
  readonly context: Context
  /** Appends further nodes: those of a branch that is taken. */
  append(nodes: readonly Node[]): void
}

/** As it is: worked out at once where everything is constant. */
export function appendPlain({ b, values, folder: fold, opset }: Replay, node: Node): void {
  const constants = node.inputs.map((name) => values.constant(name))
  const areAll = node.inputs.every((name, index) => name === '' || constants[index] !== undefined)
  const made = areAll ? fold.fold(node, constants) : undefined
  if (made !== undefined) {
    for (const [index, name] of node.outputs.entries()) {
      const constant = made[index]
      if (name !== '' && constant !== undefined) values.set(name, { constant })
    }
    return
  }
  const inputs = node.inputs.map((name) => values.inGraph(name))
  requirePlainSoftmax(b, { node, input: inputs[0] ?? '', opset })
  const wanted = lastWanted(node)
  const outputs = b.several(node.op, inputs, { outputs: wanted.length, attributes: node.attributes })
  for (const [index, name] of wanted.entries()) if (name !== '') values.set(name, { name: outputs[index] ?? '' })
}

/** Without names at the end that nobody wants. */
const lastWanted = ({ outputs }: Node): readonly string[] => {
  const last = outputs.findLastIndex((name) => name !== '')
  if (last < 0) throw invalid('a node without outputs')
  return outputs.slice(0, last + 1)
}

/** Before set 13 softmax was over all axes from the named one on: the same only for the last. */
function requirePlainSoftmax(
  b: GraphBuilder,
  { node, input, opset }: { node: Node; input: string; opset: number },
): void {
  if (opset >= 13 || !['Softmax', 'LogSoftmax', 'Hardmax'].includes(node.op)) return
  const rank = b.shape(input).length
  const axis = intAttribute(node, 'axis', 1)
  if ((axis + rank) % rank !== rank - 1)
    throw refused(`${node.op} of operator set ${opset} over more than the last axis`)
}
