/** Nodes of a file that are not appended as they stand. */
import { WardroundError } from '../../errors.ts'
import type { Value } from '../interpreter/values.ts'
import { floatAttribute, intAttribute, type Node } from '../ir.ts'
import { appendDropout } from '../layers/dropout.ts'
import { appendBatchNormalization } from '../layers/normalization.ts'
import { spatialOf, withoutIdleCeil } from '../windows.ts'
import { constantOf, invalid, refused } from './known.ts'
import { appendPlain, type Replay } from './plain.ts'

type Special = (node: Node, replay: Replay) => void

const input = (node: Node, index: number): string => node.inputs[index] ?? ''
const output = (node: Node): string => node.outputs[0] ?? ''

/** Another name for the same value. */
const alias: Special = (node, { values }) => values.set(output(node), values.get(input(node, 0)))

const constant: Special = (node, { values }) => {
  values.set(output(node), { constant: constantIn(node) })
}

/** Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED. */
export function constantIn(node: Node): Value {
  const [[name, attribute] = [], ...others] = Object.entries(node.attributes)
  if (name === undefined || attribute === undefined || others.length > 0) throw invalid('a Constant without its value')
  switch (attribute.kind) {
    case 'tensor':
      return constantOf(attribute.value)
    case 'int':
      return { type: 'int64', shape: [], data: [attribute.value] }
    case 'ints':
      return { type: 'int64', shape: [attribute.value.length], data: attribute.value }
    case 'float':
      return { type: 'float32', shape: [], data: [attribute.value] }
    case 'floats':
      return { type: 'float32', shape: [attribute.value.length], data: attribute.value }
    default:
      throw refused(`a Constant given as ${name}`)
  }
}

/** Extents are fixed in a training graph: the batch is known. */
const shape: Special = (node, { b, values }) => {
  const extents = shapeOf(node, { b, values })
  const rank = extents.length
  const bound = (name: string, otherwise: number): number => {
    const given = intAttribute(node, name, otherwise)
    return Math.max(0, Math.min(rank, given < 0 ? given + rank : given))
  }
  const data = extents.slice(bound('start', 0), bound('end', rank))
  values.set(output(node), { constant: { type: 'int64', shape: [data.length], data } })
}

const size: Special = (node, { b, values }) => {
  const count = shapeOf(node, { b, values }).reduce((product, extent) => product * extent, 1)
  values.set(output(node), { constant: { type: 'int64', shape: [], data: [count] } })
}

function shapeOf(node: Node, { b, values }: Pick<Replay, 'b' | 'values'>): readonly number[] {
  const known = values.get(input(node, 0))
  const extents = 'constant' in known ? known.constant.shape : b.shape(known.name)
  return extents.map((extent) => {
    if (typeof extent === 'string') throw refused(`${node.op} of an extent that is known only when the model runs`)
    return extent
  })
}

/** The types that stand for Float32 here: a double is computed as one. */
export const doubles = 11
const cast: Special = (node, replay) => {
  const to = intAttribute(node, 'to', 0)
  castTo(node, to === doubles ? 1 : to, replay)
}

const codes: Readonly<Record<string, number>> = { float32: 1, uint8: 2, int32: 6, int64: 7, string: 8, bool: 9 }

const castLike: Special = (node, replay) => {
  const like = replay.values.get(input(node, 1))
  const type = 'constant' in like ? like.constant.type : replay.b.info(like.name).type
  castTo(node, codes[type] ?? 0, replay)
}

/** Nothing at all where the type is that one already. */
function castTo(node: Node, code: number, replay: Replay): void {
  const known = replay.values.get(input(node, 0))
  const type = 'constant' in known ? known.constant.type : replay.b.info(known.name).type
  if (codes[type] === code) {
    replay.values.set(output(node), known)
    return
  }
  appendPlain(replay, {
    ...node,
    op: 'Cast',
    inputs: node.inputs.slice(0, 1),
    attributes: { to: { kind: 'int', value: code } },
  })
}

/** Its draws are asked for under the name of its output. */
const dropout: Special = (node, replay) => {
  const { b, values, context } = replay
  if ((node.outputs[1] ?? '') !== '') throw refused('the mask of a Dropout is used')
  const known = values.get(input(node, 0))
  const rate = rateOf(node, replay)
  if (rate === 0 || 'constant' in known) values.set(output(node), known)
  else values.set(output(node), { name: appendDropout(b, { name: output(node), x: known.name, rate }, context) })
}

/** The share that is set to zero. Errors: WR_GRAPH_REFUSED where it is computed. */
export function rateOf(node: Node, { values, opset }: Pick<Replay, 'values' | 'opset'>): number {
  if (opset < 12) return floatAttribute(node, 'ratio', 0.5)
  const name = input(node, 1)
  const ratio = name === '' ? 0.5 : values.constant(name)?.data[0]
  if (typeof ratio !== 'number') throw refused('a Dropout whose share is computed')
  if (!(ratio >= 0 && ratio < 1)) throw invalid(`a Dropout of ${ratio}`)
  return ratio
}

/** Exporters freeze the statistics; training computes them for the batch, as if the model had been trained where it came from. */
const batchNormalization: Special = (node, { b, values, context }) => {
  const [x = '', scale = '', bias = '', mean = '', variance = ''] = node.inputs.map((name) => values.inGraph(name))
  const epsilon = floatAttribute(node, 'epsilon', 1e-5)
  const momentum = floatAttribute(node, 'momentum', 0.9)
  const y = appendBatchNormalization(b, { x, scale, bias, mean, variance, epsilon, momentum }, context)
  values.set(output(node), { name: y })
}

/** With a rest that is padding alone, as exporters write it. */
const pooling: Special = (node, replay) => {
  const known = replay.values.get(input(node, 0))
  const shape = 'constant' in known ? known.constant.shape : replay.b.shape(known.name)
  appendPlain(replay, withoutIdleCeil(node, spatialOf(shape)))
}

/** The branch that a constant condition takes; conditions that are computed are refused. */
const branch: Special = (node, replay) => {
  const condition = replay.values.constant(input(node, 0))?.data[0]
  if (typeof condition !== 'number') throw refused('an If whose condition is computed')
  const taken = node.attributes[condition === 0 ? 'else_branch' : 'then_branch']
  if (taken?.kind !== 'graph') throw invalid('an If without its branches')
  for (const tensor of taken.value.initializers) replay.values.set(tensor.name, { constant: constantOf(tensor) })
  replay.append(taken.value.nodes)
  for (const [index, name] of node.outputs.entries())
    replay.values.set(name, replay.values.get(taken.value.outputs[index]?.name ?? ''))
}

const loop: Special = (node) => {
  throw new WardroundError('WR_GRAPH_REFUSED', {
    problem: `the operator ${node.op} is not allowed: a model must be of fixed length`,
  })
}

export const specialNodes: Readonly<Record<string, Special>> = {
  Identity: alias,
  Constant: constant,
  Shape: shape,
  Size: size,
  Cast: cast,
  CastLike: castLike,
  Dropout: dropout,
  BatchNormalization: batchNormalization,
  MaxPool: pooling,
  AveragePool: pooling,
  If: branch,
  Loop: loop,
  Scan: loop,
}
