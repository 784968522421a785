/** GridSample from its document: places are shares of the image, its corners or its corner pixels' middles at −1 and 1. */
import { intAttribute, type Node } from '../../ir.ts'
import { at, build, type NumberValue, numbers } from '../values.ts'
import { input, type Operator, type Operators } from './operator.ts'

const said = (node: Node, name: string): string => {
  const attribute = node.attributes[name]
  return attribute?.kind === 'string' ? attribute.value : ''
}

function place(node: Node, share: number, extent: number): number {
  const own =
    intAttribute(node, 'align_corners', 0) === 1 ? ((share + 1) / 2) * (extent - 1) : ((share + 1) * extent - 1) / 2
  return said(node, 'padding_mode') === 'border' ? Math.min(extent - 1, Math.max(0, own)) : own
}

const toEven = (x: number): number => {
  const below = Math.floor(x)
  return x - below === 0.5 ? below + (below % 2 === 0 ? 0 : 1) : Math.round(x)
}

/** The pixels that a place lies between, with their shares. */
function between(node: Node, x: number): readonly (readonly [number, number])[] {
  if (said(node, 'mode') === 'nearest') return [[toEven(x), 1]]
  const below = Math.floor(x)
  return [
    [below, 1 - (x - below)],
    [below + 1, x - below],
  ]
}

function sampled(
  node: Node,
  x: NumberValue,
  { n, c, row, column }: Record<'n' | 'c' | 'row' | 'column', number>,
): number {
  const [, , height = 0, width = 0] = x.shape
  const isBorder = said(node, 'padding_mode') === 'border'
  const edge = (index: number, extent: number): number => (isBorder ? Math.min(extent - 1, Math.max(0, index)) : index)
  let sum = 0
  for (const [h, hShare] of between(node, place(node, row, height)))
    for (const [w, wShare] of between(node, place(node, column, width))) {
      const [y, z] = [edge(h, height), edge(w, width)]
      if (y >= 0 && y < height && z >= 0 && z < width) sum += hShare * wShare * at(x, [n, c, y, z])
    }
  return sum
}

const gridSample: Operator = (node, inputs) => {
  const [x, grid] = [numbers(input(inputs, 0)), numbers(input(inputs, 1))]
  const [batch = 0, height = 0, width = 0] = grid.shape
  return build(x.type, [batch, x.shape[1] ?? 0, height, width], ([n = 0, c = 0, h = 0, w = 0]) =>
    sampled(node, x, { n, c, row: at(grid, [n, h, w, 1]), column: at(grid, [n, h, w, 0]) }),
  )
}

export const samplingOperators: Operators = { GridSample: gridSample }
