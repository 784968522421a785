/** Whether a gradient may be multiplied with 0 where nothing is to pass: infinity times 0 is no number. */
import type { GraphBuilder } from '../builder.ts'
import type { Node } from '../ir.ts'

/** What is infinite in an operand of these would make a weight's gradient infinite, too: training ends there in any case. */
const products = ['MatMul', 'Gemm', 'Conv', 'ConvTranspose']
/** Of finite operands these make finite values, short of overflow, and bounded ones of any. */
const bounded = ['LayerNormalization', 'Softmax', 'Sigmoid', 'Tanh', 'Less', 'Greater', 'Equal']
const arithmetic = ['Add', 'Sub', 'Mul', 'Neg', 'Sum', 'ReduceSum', 'ReduceMean', 'BatchNormalization', 'Relu', 'Cast']
const movement = ['Concat', 'Expand', 'Pad', 'Reshape', 'Resize', 'Slice', 'Split', 'Squeeze', 'Transpose', 'Unsqueeze']

const ends: ReadonlySet<string> = new Set([...products, ...bounded])
const passed: ReadonlySet<string> = new Set([...arithmetic, ...movement])

/** Whether `name` is made by such operators alone, so that no derivative without a bound has a part in it. */
export function mayBeMasked(b: GraphBuilder, name: string): boolean {
  const makers = new Map<string, Node>()
  for (const node of b.nodes()) for (const output of node.outputs) makers.set(output, node)
  const seen = new Set<string>()
  const left = [name]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const maker = makers.get(next)
    if (maker === undefined || ends.has(maker.op) || seen.has(next)) continue
    if (!passed.has(maker.op)) return false
    seen.add(next)
    left.push(...maker.inputs)
  }
  return true
}
