/** The shape of what is sampled from images at places that a grid names. */
import { intAttribute, type Node } from '../ir.ts'
import { input, invalid, refused, type ShapeRule } from './rule.ts'

const said = (node: Node, name: string, otherwise: string): string => {
  const attribute = node.attributes[name]
  return attribute?.kind === 'string' ? attribute.value.slice(0, 20) : otherwise
}

/** X [batch, channels, height, width] at the places of grid [batch, …extents, 2] is [batch, channels, …extents]. */
const gridSample: ShapeRule = (node, inputs) => {
  const [x, grid] = [input(inputs, 0), input(inputs, 1)]
  const [batch = 0, channels = 0, ...extents] = x.shape
  if (x.type !== 'float32' || grid.type !== 'float32')
    throw invalid(`${node.op} of ${x.type} at places of ${grid.type}`)
  if (extents.length !== 2) throw refused(`${node.op} of ${extents.length} axes beside batch and channels`)
  const [mode, padding] = [said(node, 'mode', 'linear'), said(node, 'padding_mode', 'zeros')]
  if (mode !== 'linear' && mode !== 'nearest') throw refused(`${node.op} in the mode ${mode}`)
  if (padding !== 'zeros' && padding !== 'border') throw refused(`${node.op} with ${padding} beside the image`)
  const align = intAttribute(node, 'align_corners', 0)
  const [own = 0, height = 0, width = 0, last = 0] = grid.shape
  const isBatch = own === batch || typeof own === 'string' || typeof batch === 'string'
  if (grid.shape.length !== 4 || last !== 2 || !isBatch || (align !== 0 && align !== 1))
    throw invalid(`${node.op} of [${x.shape.join(', ')}] at [${grid.shape.join(', ')}]`)
  return { type: x.type, shape: [batch, channels, height, width] }
}

export const samplingShapes: Readonly<Record<string, ShapeRule>> = { GridSample: gridSample }
