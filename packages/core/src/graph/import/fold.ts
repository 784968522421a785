/** Works out what a model computes from constants alone: exporters write down how a shape comes about, node by node. */
import { WardroundError } from '../../errors.ts'
import type { Node } from '../ir.ts'
import { evaluate } from '../testing/reference.ts'
import type { Value } from '../testing/values.ts'

export type Folder = {
  /** The outputs of a node whose inputs are all constants; undefined where it is to be computed when the model runs. */
  fold(node: Node, inputs: readonly (Value | undefined)[]): readonly Value[] | undefined
}

/** Values of one result, and of all: shapes and tables of positions are small, and a file must not keep anybody busy. */
const mostValues = 1 << 14
const mostValuesInAll = 1 << 18

/** What draws its time from more than the size of its result is held to smaller operands. */
const sizeOf = (value: Value | undefined): number => value?.data.length ?? 0

export function folder(): Folder {
  let left = mostValuesInAll
  return {
    fold(node, inputs) {
      const size = inputs.reduce((sum, value) => sum + sizeOf(value), 0)
      if (size > mostValues || size > left) return undefined
      const target = targetSize(node, inputs)
      if (target > mostValues || target > left) return undefined
      const made = workedOut(node, inputs).map(rounded)
      left -= size + made.reduce((sum, value) => sum + sizeOf(value), 1)
      return made
    },
  }
}

/** The interpreter takes for granted that a node is whole. Errors: WR_GRAPH_INVALID. */
function workedOut(node: Node, inputs: readonly (Value | undefined)[]): readonly Value[] {
  try {
    return evaluate(node, inputs)
  } catch (error) {
    if (error instanceof WardroundError) throw error
    throw new WardroundError(
      'WR_GRAPH_INVALID',
      { problem: `${node.op} of constants cannot be worked out` },
      { cause: error },
    )
  }
}

/** How many values an operator makes that is told so by one of its operands, rather than by their sizes. */
function targetSize({ op }: Node, inputs: readonly (Value | undefined)[]): number {
  const numbersOf = (index: number): readonly number[] => (inputs[index]?.data ?? []).map(Number)
  const product = (values: readonly number[]): number => values.reduce((size, extent) => size * Math.abs(extent), 1)
  switch (op) {
    case 'ConstantOfShape':
      return product(numbersOf(0))
    case 'Expand':
    case 'Tile':
      return product(numbersOf(1)) * Math.max(1, sizeOf(inputs[0]))
    case 'Range': {
      const [start = 0, limit = 0, delta = 1] = [0, 1, 2].flatMap(numbersOf)
      return Math.abs((limit - start) / delta)
    }
    case 'Pad':
      return product(
        (inputs[0]?.shape ?? []).map(
          (extent) => extent + numbersOf(1).reduce((sum, count) => sum + Math.abs(count), 0),
        ),
      )
    default:
      // Broadcasting multiplies the sizes at most.
      return inputs.reduce((size, value) => size * Math.max(1, sizeOf(value)), 1) > mostValues ** 2 ? Infinity : 0
  }
}

/** The interpreter is exact; a model computes in Float32. */
const rounded = (value: Value): Value =>
  value.type === 'float32' ? { ...value, data: value.data.map(Math.fround) } : value
