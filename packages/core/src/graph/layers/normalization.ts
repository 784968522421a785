/** Normalisation. */
import type { SpecOf } from '../../study/layers.ts'
import { sizeOf } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'
import { float, int } from '../ir.ts'
import { scratch } from '../scratch.ts'
import { invalid } from '../shapes/rule.ts'
import { type Context, type Extents, type Layer, misfit, type Place, parameter, type WeightSpec } from './layer.ts'

export type BatchNormalization = {
  /** [batch, channels, …] */
  readonly x: string
  /** [channels] each, and so are the running statistics. */
  readonly scale: string
  readonly bias: string
  readonly mean: string
  readonly variance: string
  readonly epsilon: number
  /** How much of the running statistics a step keeps. */
  readonly momentum: number
}

/**
 * Ioffe and Szegedy 2015, Algorithm 1: by the statistics of the batch while training, and by the running ones else. A running variance is the unbiased one, as in
 * PyTorch.
 */
export function appendBatchNormalization(b: GraphBuilder, norm: BatchNormalization, { keep }: Context): string {
  const { x, scale, bias, mean, variance, epsilon } = norm
  const attributes = { epsilon: float(epsilon) }
  if (keep === undefined) {
    // What a server's optimizer, or noise, has made of a small variance may lie below 0.
    const least = b.node('Max', [variance, b.scalar(0)])
    return b.node('BatchNormalization', [x, scale, bias, mean, least], { attributes })
  }
  // With a momentum of 0 the running statistics that it puts out are those of the batch, which its gradient needs, too.
  const [y = '', ...own] = b.several('BatchNormalization', [x, scale, bias, ...scratch(b, [mean, variance])], {
    outputs: 3,
    attributes: { ...attributes, momentum: float(0), training_mode: int(1) },
  })
  keepStatistics(b, norm, { mean: own[0] ?? '', variance: own[1] ?? '', keep })
  return y
}

type Own = { readonly mean: string; readonly variance: string; readonly keep: NonNullable<Context['keep']> }

function keepStatistics(b: GraphBuilder, { x, mean, variance, momentum }: BatchNormalization, own: Own): void {
  const count = b
    .shape(x)
    .reduce<number>((product, extent, axis) => (axis === 1 ? product : product * Number(extent)), 1)
  if (!(count > 1)) throw invalid('batch normalisation of a single value')
  const mixed = (old: string, next: string, factor: number): string =>
    b.node('Add', [b.node('Mul', [old, b.scalar(momentum)]), b.node('Mul', [next, b.scalar(factor)])])
  own.keep(mean, mixed(mean, own.mean, 1 - momentum))
  own.keep(variance, mixed(variance, own.variance, ((1 - momentum) * count) / (count - 1)))
}

const channelsOf = ({ name, input }: Place): number => {
  const [channels] = input
  if (channels === undefined) throw misfit('model.layers', `${name} gets nothing`)
  return channels
}

/** A factor that starts at 1, and an offset that starts at 0. */
const scaleAndShift = (name: string, shape: readonly number[]): readonly WeightSpec[] => [
  parameter(`${name}.gamma`, shape, 1),
  parameter(`${name}.beta`, shape, 0),
]

/** `NAME.gamma` and `NAME.beta` [channels], and the running statistics `NAME.movingMean` and `NAME.movingVariance`, which travel like weights. */
export function batchNormalizationLayer(
  { batchNormalization: { momentum, epsilon } }: SpecOf<'batchNormalization'>,
  place: Place,
): Layer {
  const { name, input } = place
  const channels = channelsOf(place)
  const statistic = (tensor: string, constant: number): WeightSpec => ({
    ...parameter(tensor, [channels], constant),
    learnt: false,
  })
  const [mean, variance] = [`${name}.movingMean`, `${name}.movingVariance`]
  return {
    name,
    output: input,
    weights: [...scaleAndShift(name, [channels]), statistic(mean, 0), statistic(variance, 1)],
    draws: [],
    append: (b, x, context) =>
      appendBatchNormalization(
        b,
        { x, scale: `${name}.gamma`, bias: `${name}.beta`, mean, variance, epsilon, momentum },
        context,
      ),
  }
}

/** Wu and He 2018. `NAME.gamma` and `NAME.beta` [channels]. Errors: WR_STUDY_INVALID where groups do not divide the channels. */
export function groupNormalizationLayer({ groups, epsilon }: { groups: number; epsilon: number }, place: Place): Layer {
  const { name, input } = place
  const channels = channelsOf(place)
  if (input.length < 2 || channels % groups !== 0)
    throw misfit('model.layers', `${name}: ${groups} groups of [${input.join(', ')}]`)
  return {
    name,
    output: input,
    weights: scaleAndShift(name, [channels]),
    draws: [],
    append: (b, x) =>
      appendGroupNormalization(b, { x, scale: `${name}.gamma`, bias: `${name}.beta`, groups, epsilon, input }),
  }
}

type GroupNormalization = {
  /** [batch, …input] */
  readonly x: string
  /** [channels] each. */
  readonly scale: string
  readonly bias: string
  readonly groups: number
  readonly epsilon: number
  readonly input: Extents
}

/**
 * GroupNormalization in two passes over memory, each a single operator; ONNX Runtime makes it of a dozen. What it is standardised to, and by what, is of use on the
 * way back, so that it is differentiated as one.
 */
function appendGroupNormalization(
  b: GraphBuilder,
  { x, scale, bias, groups, epsilon, input }: GroupNormalization,
): string {
  const [channels = 0] = input
  const values = sizeOf(input) / groups
  const y = b.unused('GroupNormalization')
  b.asOne(() => {
    const rows = b.node('Reshape', [x, b.axes([0, groups, values])])
    const ones = b.node('Expand', [b.scalar(1), b.axes([values])])
    const [standard = '', , inv = ''] = b.several('LayerNormalization', [rows, ones], {
      outputs: 3,
      attributes: { epsilon: float(epsilon) },
    })
    const statistics = [0, 1].map((value) => b.node('Expand', [b.scalar(value), b.axes([channels])]))
    const standardised = b.node('Reshape', [standard, b.axes([0, ...input])])
    b.node('BatchNormalization', [standardised, scale, bias, ...statistics], {
      name: y,
      attributes: { epsilon: float(0) },
    })
    const attributes = { num_groups: int(groups), epsilon: float(epsilon) }
    return { op: 'GroupNormalization', domain: '', inputs: [x, scale, bias], outputs: [y, standard, inv], attributes }
  })
  return y
}

/** Ba et al. 2016, over the last axis. `NAME.gamma` and `NAME.beta`, of its extent. */
export function layerNormalizationLayer(
  { layerNormalization: { epsilon } }: SpecOf<'layerNormalization'>,
  { name, input }: Place,
): Layer {
  const shape = input.slice(-1)
  return {
    name,
    output: input,
    weights: scaleAndShift(name, shape),
    draws: [],
    append(b, x) {
      // Its statistics are of use on the way back.
      const [y = ''] = b.several('LayerNormalization', [x, `${name}.gamma`, `${name}.beta`], {
        outputs: 3,
        attributes: { epsilon: float(epsilon) },
      })
      return y
    },
  }
}

/** x/√(mean of x² + ε)·γ over the last axis (Zhang and Sennrich 2019). `NAME.gamma`, of its extent. */
export function rmsNormalizationLayer(
  { rmsNormalization: { epsilon } }: SpecOf<'rmsNormalization'>,
  { name, input }: Place,
): Layer {
  return {
    name,
    output: input,
    weights: [parameter(`${name}.gamma`, input.slice(-1), 1)],
    draws: [],
    append(b, x) {
      const squares = b.node('ReduceMean', [b.node('Mul', [x, x]), b.axes([-1])])
      const root = b.node('Sqrt', [b.node('Add', [squares, b.scalar(epsilon)])])
      return b.node('Mul', [b.node('Div', [x, root]), `${name}.gamma`])
    },
  }
}
