/** Which operators keep the examples of a batch apart, and where they then lie. What is not here is not known. */
import { intAttribute, intsAttribute, type Node } from '../ir.ts'
import { cutsOf, padsOf } from '../shapes/movement.ts'
import { isTraining } from '../shapes/normalization.ts'
import { reducedAxes } from '../shapes/reduction.ts'
import { integers } from '../shapes/rule.ts'
import { along, isPlain, isSame, reshaped, type Spread } from './spread.ts'
import { apartIn, factorOf, mixed, type Standing, type StandingRule, type Use } from './standing.ts'

const apart = (at: Spread): Standing => ({ apart: at })
const first = (use: Use): Spread | undefined => apartIn(use.standings[0])
const counted = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)
const rankOf = (use: Use): number => use.shapes[0]?.length ?? 0
const isShared = (use: Use, index: number): boolean => use.standings[index] === 'shared'
/** Whether all inputs from `index` on are the same for all examples. */
const sharedFrom = (use: Use, index: number): boolean => use.standings.slice(index).every((one) => one === 'shared')

/** A rule for operators of which the first input has the examples, and the others none. */
const ofFirst =
  (rule: (use: Use, at: Spread) => Standing | readonly Standing[] | undefined): StandingRule =>
  (use) => {
    const at = first(use)
    return at === undefined || !sharedFrom(use, 1) ? undefined : rule(use, at)
  }

/** A constant of which every value is the same is the same for all examples, wherever they lie. */
function isLevel({ b, node }: Use, index: number): boolean {
  const tensor = b.constant(node.inputs[index] ?? '')
  const [value, ...others] = tensor === undefined ? [] : [...tensor.data].map(String)
  return value !== undefined && others.every((other) => other === value)
}

// ---- element by element ----

/** Each value of the output is made of those in its own place; what is broadcast has nothing along the examples. */
const elementwise: StandingRule = (use) => {
  if (use.standings.some((standing) => factorOf(standing) !== undefined)) return linear(use)
  let at: Spread | undefined
  for (const [index, standing] of use.standings.entries()) {
    const own = apartIn(standing)
    if (own === undefined) continue
    const [shape = []] = [use.shapes[index]]
    const moved = { ...own, axis: own.axis + use.output.length - shape.length }
    if ((at !== undefined && !isSame(at, moved)) || shape[own.axis] !== use.output[moved.axis])
      throw mixed(`${use.node.op} of examples in different places`)
    at = moved
  }
  if (at === undefined) return undefined
  const { axis } = at
  const reaches = (index: number): boolean => {
    const shape = use.shapes[index] ?? []
    return (shape[axis - use.output.length + shape.length] ?? 1) > 1
  }
  const fits = use.standings.every((_, index) => !isShared(use, index) || !reaches(index) || isLevel(use, index))
  return fits ? apart(at) : undefined
}

/** Of a sum over examples, what leaves it one: others of the same factor added, and multiples that no parameter is part of. */
function linear(use: Use): Standing {
  const { node, standings, active } = use
  const factors = new Set(standings.map(factorOf).filter((factor) => factor !== undefined))
  const [factor = 1] = factors
  const othersAreFixed = standings.every(
    (one, index) => factorOf(one) !== undefined || (one === 'shared' && !active[index]),
  )
  const sums = standings.filter((one) => factorOf(one) !== undefined).length
  const isAllowed =
    ['Add', 'Sub', 'Sum', 'Identity', 'Neg'].includes(node.op) ||
    (node.op === 'Mul' && sums === 1) ||
    (node.op === 'Div' && sums === 1 && factorOf(standings[0]) !== undefined)
  if (!isAllowed || !othersAreFixed || factors.size > 1) throw mixed(`${node.op} of a sum over examples`)
  return { factor }
}

// ---- along axes ----

const reduction: StandingRule = (use) => {
  const { node, b, batch, standings } = use
  const [at, factor] = [first(use), factorOf(standings[0])]
  const isSum = node.op === 'ReduceSum' || node.op === 'ReduceMean'
  if (factor !== undefined) {
    if (!isSum) throw mixed(`${node.op} of a sum over examples`)
    return { factor }
  }
  if (at === undefined) return undefined
  const axes = reducedAxes(node, rankOf(use), b)
  if (axes.includes(at.axis)) {
    if (!isSum) throw mixed(`${node.op} over the batch`)
    return { factor: node.op === 'ReduceMean' ? 1 / batch : 1 }
  }
  const isKept = intAttribute(node, 'keepdims', 1) === 1
  return apart(isKept ? at : { ...at, axis: at.axis - axes.filter((axis) => axis < at.axis).length })
}

/** What is computed along one axis. */
const alongAxis = (axisOf: (use: Use) => number | undefined): StandingRule =>
  ofFirst((use, at) => {
    const axis = axisOf(use)
    if (axis === undefined) return undefined
    if (counted(axis, rankOf(use)) === at.axis) throw mixed(`${use.node.op} along the batch`)
    return apart(at)
  })
const lastAxis = (use: Use): number => intAttribute(use.node, 'axis', -1)

const position: StandingRule = (use) => {
  const at = first(use)
  if (at === undefined) return undefined
  const axis = counted(intAttribute(use.node, 'axis', 0), rankOf(use))
  if (axis === at.axis) throw mixed(`${use.node.op} along the batch`)
  const isKept = intAttribute(use.node, 'keepdims', 1) === 1
  return apart(isKept || axis > at.axis ? at : { ...at, axis: at.axis - 1 })
}

// ---- movement ----

/** Values stay in their order; a sum stays one. */
const inOrder: StandingRule = (use) => {
  const factor = factorOf(use.standings[0])
  if (factor !== undefined) return { factor }
  const at = first(use)
  if (at === undefined) return undefined
  const found = reshaped(at, { from: use.shapes[0] ?? [], to: use.output, batch: use.batch })
  return found && apart(found)
}

const transpose = ofFirst((use, at) => {
  const rank = rankOf(use)
  const order = intsAttribute(use.node, 'perm') ?? use.output.map((_, axis) => rank - 1 - axis)
  return apart({ ...at, axis: order.indexOf(at.axis) })
})

const concat: StandingRule = (use) => {
  const axis = counted(intAttribute(use.node, 'axis', 0), use.output.length)
  const places = use.standings.map(apartIn)
  const at = places.find((one) => one !== undefined)
  if (at === undefined || at.axis === axis) return undefined
  if (places.some((one) => one !== undefined && !isSame(one, at))) throw mixed('Concat of examples in different places')
  return places.every((one, index) => one !== undefined || isLevel(use, index)) ? apart(at) : undefined
}

const slice = ofFirst((use, at) =>
  cutsOf(use.node, use.shapes[0] ?? [], use.b).every(
    ({ axis, count, step }) => axis !== at.axis || (step === 1 && count === use.shapes[0]?.[axis]),
  )
    ? apart(at)
    : undefined,
)

const pad = ofFirst((use, at) => {
  const { begins, ends } = padsOf(use.node, rankOf(use), use.b)
  return begins[at.axis] === 0 && ends[at.axis] === 0 ? apart(at) : undefined
})

/** Of which the axis of the examples keeps its extent and is none of those that the operator is about. */
const beside = (isAside: (at: Spread, rank: number) => boolean): StandingRule =>
  ofFirst((use, at) => {
    const more = use.output.length - rankOf(use)
    const moved = { ...at, axis: at.axis + more }
    const isKept = use.shapes[0]?.[at.axis] === use.output[moved.axis]
    return isKept && isAside(at, rankOf(use)) ? apart(moved) : undefined
  })

const gather: StandingRule = (use) => {
  const axis = counted(intAttribute(use.node, 'axis', 0), rankOf(use))
  const [data, indices] = use.standings.map(apartIn)
  if (data === undefined && indices !== undefined && isShared(use, 0))
    return apart({ ...indices, axis: indices.axis + axis })
  if (data === undefined || !isShared(use, 1) || data.axis === axis) return undefined
  return apart(data.axis < axis ? data : { ...data, axis: data.axis + (use.shapes[1]?.length ?? 0) - 1 })
}

const split = ofFirst((use, at) =>
  counted(intAttribute(use.node, 'axis', 0), rankOf(use)) === at.axis
    ? undefined
    : use.node.outputs.map(() => apart(at)),
)

// ---- products ----

/** Examples are rows, or whole matrices. */
const matMul: StandingRule = (use) => {
  const [x = [], w = []] = use.shapes
  const [left, right] = use.standings.map(apartIn)
  const rank = use.output.length
  if (x.length < 2 || w.length < 2) return undefined
  const moved = (at: Spread, shape: readonly number[]): Spread => ({ ...at, axis: at.axis + rank - shape.length })
  const stays = (shape: readonly number[], { axis }: Spread): boolean =>
    axis >= rank - 2 || (shape[axis - rank + shape.length] ?? 1) === 1
  if (left !== undefined && right !== undefined) {
    const [one, other] = [moved(left, x), moved(right, w)]
    if (!isSame(one, other) || one.axis >= rank - 2) throw mixed('MatMul of examples with each other')
    return apart(one)
  }
  if (left !== undefined && isShared(use, 1)) {
    const at = moved(left, x)
    if (at.axis === rank - 1) throw mixed('MatMul over the batch')
    return stays(w, at) ? apart(at) : undefined
  }
  if (right === undefined || !isShared(use, 0)) return undefined
  const at = moved(right, w)
  if (at.axis === rank - 2) throw mixed('MatMul over the batch')
  return stays(x, at) ? apart(at) : undefined
}

/** Examples are rows of the first operand. */
const gemm: StandingRule = (use) => {
  const at = first(use)
  if (at === undefined || !isShared(use, 1)) return undefined
  const isTurned = intAttribute(use.node, 'transA', 0) === 1
  if (at.axis !== (isTurned ? 1 : 0)) throw mixed('Gemm over the batch')
  const moved = { ...at, axis: 0 }
  const own = apartIn(use.standings[2])
  if (own !== undefined) return isSame(own, moved) && use.shapes[2]?.length === 2 ? apart(moved) : undefined
  const [rows = 1] = use.shapes[2]?.length === 2 ? (use.shapes[2] ?? []) : [1]
  return sharedFrom(use, 2) && rows === 1 ? apart(moved) : undefined
}

/** Images of which each has its own place on the first axis. */
const images = ofFirst((_, at) => (at.axis === 0 && isPlain(at) ? apart(at) : undefined))

const pooling = ofFirst((use, at) => (at.axis === 0 && use.node.outputs.length === 1 ? apart(at) : undefined))

// ---- normalisation ----

const layerNormalization = ofFirst((use, at) => {
  if (counted(lastAxis(use), rankOf(use)) <= at.axis) throw mixed('LayerNormalization over the batch')
  return use.node.outputs.map(() => apart(at))
})

const batchNormalization: StandingRule = (use) => {
  if (isTraining(use.node))
    throw mixed('batch normalisation (use groupNormalization, which normalises each example by itself)')
  return images(use)
}

// ---- recurrent layers ----

/** X [steps, batch, inputs] → Y [steps, directions, batch, hidden] and the last states [directions, batch, hidden]. */
const recurrent: StandingRule = (use) => {
  const at = first(use)
  if (at === undefined || at.axis !== 1 || !isPlain(at)) return undefined
  const fits = use.standings.every((standing, index) => {
    if (index === 0 || (use.node.inputs[index] ?? '') === '') return true
    const own = apartIn(standing)
    if (index < 5) return own === undefined
    return own === undefined ? !use.active[index] && isLevel(use, index) : isSame(own, along(1))
  })
  return fits ? use.node.outputs.map((_, index) => apart(along(index === 0 ? 2 : 1))) : undefined
}

const named = (ops: readonly string[], rule: StandingRule): Readonly<Record<string, StandingRule>> =>
  Object.fromEntries(ops.map((op) => [op, rule]))

const axisInput = ({ node, b }: Use): number | undefined => integers(b.constant(node.inputs[1] ?? ''))?.[0]

const standingRules: Readonly<Record<string, StandingRule>> = {
  ...named(
    [
      ...[
        'Abs',
        'Neg',
        'Exp',
        'Log',
        'Sqrt',
        'Reciprocal',
        'Erf',
        'Sign',
        'Identity',
        'Floor',
        'Ceil',
        'Round',
        'Not',
        'Cast',
      ],
      ...['Sin', 'Cos', 'Tan', 'Asin', 'Acos', 'Atan', 'Sinh', 'Cosh', 'Asinh', 'Acosh', 'Atanh', 'Dropout'],
      ...[
        'Relu',
        'LeakyRelu',
        'PRelu',
        'Elu',
        'Celu',
        'Selu',
        'Gelu',
        'Sigmoid',
        'Tanh',
        'Softplus',
        'Softsign',
        'Mish',
      ],
      ...['HardSigmoid', 'HardSwish', 'ThresholdedRelu', 'IsNaN', 'IsInf', 'Clip'],
      ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Mod', 'Max', 'Min', 'Sum', 'Mean', 'Where'],
      ...['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'And', 'Or', 'Xor'],
    ],
    elementwise,
  ),
  ...named(
    [
      ...['ReduceSum', 'ReduceMean', 'ReduceSumSquare', 'ReduceMax', 'ReduceMin', 'ReduceProd'],
      ...['ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp'],
    ],
    reduction,
  ),
  ...named(['Softmax', 'LogSoftmax', 'Hardmax', 'LpNormalization'], alongAxis(lastAxis)),
  CumSum: alongAxis(axisInput),
  ...named(['ArgMax', 'ArgMin'], position),
  ...named(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'], inOrder),
  Transpose: transpose,
  Concat: concat,
  Slice: slice,
  Pad: pad,
  Split: split,
  Gather: gather,
  ...named(
    ['Expand', 'Tile'],
    beside(() => true),
  ),
  Trilu: beside(({ axis }, rank) => axis < rank - 2),
  ...named(
    ['Resize', 'DepthToSpace', 'SpaceToDepth'],
    beside(({ axis }) => axis === 0),
  ),
  MatMul: matMul,
  Gemm: gemm,
  ...named(['Conv', 'ConvTranspose', 'InstanceNormalization', 'GroupNormalization'], images),
  ...named(['MaxPool', 'AveragePool', 'GlobalMaxPool', 'GlobalAveragePool'], pooling),
  LayerNormalization: layerNormalization,
  BatchNormalization: batchNormalization,
  ...named(['RNN', 'GRU', 'LSTM'], recurrent),
}

export const standingRuleOf = ({ op }: Node): StandingRule | undefined =>
  Object.hasOwn(standingRules, op) ? standingRules[op] : undefined
