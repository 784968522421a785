/** Per-example gradients of parameters, operator by operator. What is not here is done one example at a time. */
import { sizeOf } from '../../weights.ts'
import { scaled } from '../gradients/elementwise.ts'
import { gruCell } from '../gradients/recurrent/gru.ts'
import { eachExample, recurrentGradient } from '../gradients/recurrent/layer.ts'
import { lstmCell } from '../gradients/recurrent/lstm.ts'
import { rnnCell } from '../gradients/recurrent/rnn.ts'
import { gradientRules } from '../gradients/registry.ts'
import { fixedShape, type GradientRule, inputOf, outputOf, type Parts } from '../gradients/rule.ts'
import { float, floatAttribute, int, intAttribute, type Node } from '../ir.ts'
import { outerShare } from './dense.ts'
import { embedding } from './embedding.ts'
import type { Meeting, MeetingRule, Met } from './meeting.ts'
import { partsShare, type Share } from './share.ts'
import { eachOf, isPlain, rowsOf, type Spread } from './spread.ts'

/** The gradients that the operator's own rule has for another node of its kind. */
const ruled = ({ b }: Meeting, node: Node, gradients: Parts): Parts =>
  (Object.hasOwn(gradientRules, node.op) ? gradientRules[node.op] : undefined)?.(node, gradients, b) ?? []

/** A value of another shape, for the shape's sake: its values are used only where the operator's rule uses them. */
const repeated = ({ b }: Meeting, name: string, { to, as }: Readonly<Record<'to' | 'as', readonly number[]>>): string =>
  b.node('Reshape', [b.node('Expand', [name, b.axes(to)]), b.axes(as)])

const sharesOf = (meeting: Meeting, shareOf: (index: number) => Share | undefined): Met | undefined => {
  const shares = meeting.shared.map((index) => [index, shareOf(index)] as const)
  const known = shares.flatMap(([index, share]) => (share === undefined ? [] : [[index, share] as const]))
  return known.length === shares.length ? { shares: new Map(known) } : undefined
}

/** As though each example had a copy of its own: the rule then adds up what that copy is broadcast over, and no more. */
const broadcast: MeetingRule = (meeting) => {
  const { b, node, gradients, batch } = meeting
  const [y, at] = [outputOf(node), meeting.at(outputOf(node))]
  if (at === undefined) return undefined
  const output = fixedShape(b, y)
  return sharesOf(meeting, (index) => {
    const shape = fixedShape(b, inputOf(node, index))
    const aligned = [...new Array<number>(Math.max(0, output.length - shape.length)).fill(1), ...shape]
    if (aligned.length !== output.length || aligned[at.axis] !== 1) return undefined
    const extended = aligned.with(at.axis, output[at.axis] ?? 1)
    const copies = b.node('Expand', [inputOf(node, index), b.axes(extended)])
    const part = ruled(meeting, { ...node, inputs: node.inputs.with(index, copies) }, gradients)[index]
    return part === undefined ? undefined : partsShare(b, eachOf(b, part, { at, batch, shape }), shape)
  })
}

type Turned = { readonly at: Spread; readonly flowAt: Spread }

/** Rows of x and of what flows back, as the matrix has them. */
function matrixShare({ b, node, batch, gradients }: Meeting, { at, flowAt }: Turned, isTurned = false): Share {
  const [x, dy] = [inputOf(node, 0), gradients[0] ?? '']
  const rows = rowsOf(b, x, { at, batch, values: Number(b.shape(x).at(-1)) })
  const flows = rowsOf(b, dy, { at: flowAt, batch, values: Number(b.shape(dy).at(-1)) })
  const alpha = floatAttribute(node, 'alpha', 1)
  const right = alpha === 1 ? flows : scaled(b, flows, alpha)
  return outerShare(b, isTurned ? { left: right, right: rows } : { left: rows, right })
}

/** A matrix on the right is multiplied with rows of each example; anything else is broadcast over the examples' matrices. */
const matMul: MeetingRule = (meeting) => {
  const { b, node } = meeting
  const [x, w] = [inputOf(node, 0), inputOf(node, 1)]
  const [at, flowAt] = [meeting.at(x), meeting.at(outputOf(node))]
  const isMatrix = b.shape(w).length === 2 && at !== undefined && flowAt !== undefined
  if (isMatrix && meeting.shared.join() === '1') return sharesOf(meeting, () => matrixShare(meeting, { at, flowAt }))
  return flowAt !== undefined && flowAt.axis < b.shape(outputOf(node)).length - 2 ? broadcast(meeting) : undefined
}

const gemm: MeetingRule = (meeting) => {
  const { b, node, batch, gradients } = meeting
  const [at, flowAt] = [meeting.at(inputOf(node, 0)), meeting.at(outputOf(node))]
  if (at === undefined || flowAt === undefined || intAttribute(node, 'transA', 0) === 1) return undefined
  const bias = (): Share | undefined => {
    const shape = fixedShape(b, inputOf(node, 2))
    const [dy, beta] = [gradients[0] ?? '', floatAttribute(node, 'beta', 1)]
    const width = Number(b.shape(dy)[1])
    if (sizeOf(shape) !== width) return undefined
    const rows = rowsOf(b, dy, { at: flowAt, batch, values: width })
    const sums = addedUp(meeting, rows)
    return partsShare(b, beta === 1 ? sums : scaled(b, sums, beta), shape)
  }
  return sharesOf(meeting, (index) =>
    index === 1 ? matrixShare(meeting, { at, flowAt }, intAttribute(node, 'transB', 0) === 1) : bias(),
  )
}

/** [batch, values] of [batch, rows, values], or of what has no rows. */
const addedUp = ({ b }: Meeting, rows: string): string =>
  b.shape(rows).length === 2 ? rows : b.node('ReduceSum', [rows, b.axes([1])], { attributes: { keepdims: int(0) } })

/** All examples as one with as many times the channels, in groups of which none sees another: the rule then has nothing to add up over examples. */
const grouped =
  (attributesOf: (node: Node, batch: number) => Node['attributes'], mark: number): MeetingRule =>
  (meeting) => {
    const { b, node, batch, gradients } = meeting
    const at = meeting.at(inputOf(node, 0))
    if (at === undefined || at.axis !== 0 || !isPlain(at)) return undefined
    const asOne = (name: string): string => {
      const [, channels = 1, ...extents] = fixedShape(b, name)
      return b.node('Reshape', [name, b.axes([1, batch * channels, ...extents])])
    }
    const inputs = node.inputs.map((name, index) => {
      if (name === '') return ''
      if (index < mark) return asOne(name)
      const shape = fixedShape(b, name)
      return repeated(meeting, name, { to: [batch, ...shape], as: [batch * (shape[0] ?? 1), ...shape.slice(1)] })
    })
    const one = { ...node, inputs, attributes: attributesOf(node, batch) }
    const parts = ruled(meeting, one, [asOne(gradients[0] ?? '')])
    return sharesOf(meeting, (index) => {
      const [part, shape] = [parts[index], fixedShape(b, inputOf(node, index))]
      if (part === undefined) return undefined
      return partsShare(b, b.node('Reshape', [part, b.axes([batch, ...shape])]), shape)
    })
  }

const timesMore =
  (name: string) =>
  (node: Node, batch: number): Node['attributes'] => ({
    ...node.attributes,
    [name]: int(intAttribute(node, name, 1) * batch),
  })

/** dγ is what flows back times x̂, dβ what flows back, each row's added up. */
const layerNormalization: MeetingRule = (meeting) => {
  const { b, node, batch, gradients } = meeting
  const [x, dy] = [inputOf(node, 0), gradients[0] ?? '']
  const at = meeting.at(x)
  if (at === undefined) return undefined
  const whole = fixedShape(b, x)
  const axis = intAttribute(node, 'axis', -1)
  const extents = whole.slice(axis < 0 ? axis + whole.length : axis)
  const values = sizeOf(extents)
  const standard = (): string =>
    b.node('LayerNormalization', [x, b.node('Expand', [b.scalar(1), b.axes(extents)])], {
      attributes: { axis: int(axis), epsilon: float(floatAttribute(node, 'epsilon', 1e-5)) },
    })
  return sharesOf(meeting, (index) => {
    const shape = fixedShape(b, inputOf(node, index))
    if (shape.join() !== extents.join()) return undefined
    const flow = index === 1 ? b.node('Mul', [dy, standard()]) : dy
    return partsShare(b, addedUp(meeting, rowsOf(b, flow, { at, batch, values })), shape)
  })
}

/** The rule's own way through time, with products for each example instead of for all. */
const recurrent =
  (rule: GradientRule): MeetingRule =>
  (meeting) => {
    const { b, node, gradients } = meeting
    const parts = rule(node, gradients, b)
    const met = sharesOf(meeting, (index) => {
      const part = parts[index]
      return part === undefined ? undefined : partsShare(b, part, fixedShape(b, inputOf(node, index)))
    })
    return met && { ...met, flows: parts }
  }

export const meetingRules: Readonly<Record<string, MeetingRule>> = {
  ...Object.fromEntries(
    ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Sum', 'Mean', 'Where', 'PRelu'].map((op) => [op, broadcast]),
  ),
  MatMul: matMul,
  Gemm: gemm,
  Conv: grouped(timesMore('group'), 1),
  ConvTranspose: grouped(timesMore('group'), 1),
  GroupNormalization: grouped(timesMore('num_groups'), 1),
  InstanceNormalization: grouped(({ attributes }) => attributes, 1),
  BatchNormalization: grouped(({ attributes }) => attributes, 1),
  LayerNormalization: layerNormalization,
  Gather: embedding,
  RNN: recurrent(recurrentGradient(rnnCell, eachExample)),
  GRU: recurrent(recurrentGradient(gruCell, eachExample)),
  LSTM: recurrent(recurrentGradient(lstmCell, eachExample)),
}
