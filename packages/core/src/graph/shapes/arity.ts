/** How many inputs an operator takes, as ONNX's own schemas say (a test holds this table to them: fixtures/make_arities.py). */
import type { Node } from '../ir.ts'
import { invalid } from './rule.ts'

type Arity = readonly [least: number, most: number]

const any = Number.POSITIVE_INFINITY
const table: readonly (readonly [...Arity, operators: readonly string[]])[] = [
  [1, any, ['Max', 'Min', 'Sum', 'Mean', 'Concat']],
  [
    1,
    2,
    ['ReduceSum', 'ReduceMean', 'ReduceSumSquare', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceL1', 'ReduceL2'],
  ],
  [1, 2, ['ReduceLogSum', 'ReduceLogSumExp', 'Squeeze', 'Trilu', 'Split']],
  [1, 3, ['Clip', 'Dropout']],
  [1, 4, ['Resize']],
  [2, 2, ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Mod', 'PRelu', 'MatMul', 'CumSum']],
  [2, 2, ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Or', 'And', 'Xor']],
  [2, 2, ['Reshape', 'Unsqueeze', 'Expand', 'Tile', 'Gather', 'GatherElements', 'GatherND', 'GridSample']],
  [2, 3, ['Gemm', 'Conv', 'ConvTranspose', 'LayerNormalization']],
  [2, 4, ['Pad']],
  [3, 3, ['Where', 'ScatterElements', 'ScatterND', 'InstanceNormalization', 'GroupNormalization', 'Range', 'OneHot']],
  [3, 5, ['Slice']],
  [3, 6, ['RNN', 'GRU']],
  [3, 8, ['LSTM']],
  [5, 5, ['BatchNormalization']],
]
const arities: ReadonlyMap<string, Arity> = new Map(
  table.flatMap(([least, most, operators]) => operators.map((op) => [op, [least, most]])),
)

/** Of an operator with a shape rule; most of them take one input. */
export const arityOf = (op: string): Arity => arities.get(op) ?? [1, 1]

/** An input that is left out is undefined, and one of those at the end that need not be there. Errors: WR_GRAPH_INVALID. */
export function requireArity({ op }: Pick<Node, 'op'>, inputs: readonly unknown[]): void {
  const [least, most] = arityOf(op)
  const wanted = most === any ? inputs.length : least
  const isThere = inputs.slice(0, wanted).every((value) => value !== undefined)
  if (inputs.length < least || inputs.length > most || !isThere)
    throw invalid(`${op} of ${inputs.filter((value) => value !== undefined).length} inputs`)
}
