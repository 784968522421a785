/** Shapes of the parts of a value. */
import { intAttribute, type Node } from '../ir.ts'
import { given } from './movement.ts'
import { axisOf, input, invalid, type Lookup, type ShapeRule } from './rule.ts'

export type Parts = { readonly axis: number; readonly sizes: readonly number[] }

/** How large the parts are, along which axis: as given, or as many equal ones as there are outputs, of which the last may be smaller. */
export function partsOf(node: Node, shape: readonly (number | string)[], lookup: Pick<Lookup, 'constant'>): Parts {
  const axis = axisOf(node.op, intAttribute(node, 'axis', 0), shape.length)
  const extent = shape[axis]
  if (typeof extent !== 'number') throw invalid(`Split of an extent that is known only when it runs (${extent})`)
  const sizes = given(node, 1, lookup) ?? equalSizes(node, extent)
  const isWhole = sizes.length === node.outputs.length && sizes.reduce((sum, size) => sum + size, 0) === extent
  if (!isWhole || sizes.some((size) => size < 0))
    throw invalid(`Split of ${extent} into [${sizes.slice(0, 20).join(', ')}]`)
  return { axis, sizes }
}

function equalSizes(node: Node, extent: number): readonly number[] {
  const count = node.outputs.length
  if (intAttribute(node, 'num_outputs', count) !== count)
    throw invalid('Split into another number of parts than it has outputs')
  const size = Math.ceil(extent / count)
  return node.outputs.map((_, index) => (index < count - 1 ? size : extent - size * (count - 1)))
}

const split: ShapeRule = (node, inputs, lookup) => {
  const { type, shape } = input(inputs, 0)
  const { axis, sizes } = partsOf(node, shape, lookup)
  return sizes.map((size) => ({ type, shape: shape.with(axis, size) }))
}

export const splittingShapes: Readonly<Record<string, ShapeRule>> = { Split: split }
