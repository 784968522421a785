/** What a step minimises: the mean of its examples' losses, and penalties. */
import { logitAdjustmentIn, outcomeOf } from '../study/outcome.ts'
import type { TensorSpec } from '../weights.ts'
import { appendAugmentation, augmentDraws, type Pictures } from './augment.ts'
import type { GraphBuilder } from './builder.ts'
import { flowBack } from './differentiate.ts'
import { withOnes } from './joined.ts'
import type { Context } from './layers/layer.ts'
import { appendL2, appendProximal, sum } from './losses/penalties.ts'
import { appendLoss } from './losses/registry.ts'
import { extentsOf, type Network } from './network.ts'
import { appendLevels, appendScale } from './pixels.ts'
import type { StepOptions, StepParts } from './step.ts'

/** What is added to the logits of all examples. */
export const adjustmentInput = 'adjustment'

/** The examples of a batch, [batch, …] each. */
export type Rows = {
  /** As the network takes them. */
  readonly features: string
  readonly target: string
  readonly weight?: string
  readonly group?: string
}

/** Without `batch` there are no other examples than those of the step. */
export function pickRows(
  b: GraphBuilder,
  options: StepOptions,
  { batch, context }: { readonly batch?: string; readonly context: Context },
): Rows {
  const pick = (name: string): string => (batch === undefined ? name : b.node('Gather', [name, batch]))
  const features = context.joined === undefined ? pick('features') : withOnes(b, pick('features'))
  const group = options.groups === undefined ? undefined : pick('group')
  const given = { features, target: pick('target') }
  return {
    ...(options.pixels ? appendImages(b, options, { ...given, group, context }) : given),
    ...(options.weighted ? { weight: pick('weight') } : {}),
    ...(group === undefined ? {} : { group }),
  }
}

type Images = Pick<Rows, 'features' | 'target'> & { readonly group: string | undefined; readonly context: Context }

/** A batch's levels, changed by chance where the study says so, as z-scores; and its targets, changed as the images are where they are masks. */
function appendImages(
  b: GraphBuilder,
  options: StepOptions,
  { features, target, group, context }: Images,
): Pick<Rows, 'features' | 'target'> {
  const ofMasks = outcomeOf(options.training.loss) === 'segmentation'
  const given: Pictures = {
    levels: appendLevels(b, features),
    ...(ofMasks ? { masks: appendLevels(b, target) } : {}),
  }
  const { augment } = options.training
  const draws = augment === undefined ? undefined : context.draw?.(augmentDraws)
  const { levels, masks = target } =
    augment === undefined || draws === undefined
      ? given
      : appendAugmentation(b, augment, { ...given, draws, extents: extentsOf(options.inputs) })
  return { features: appendScale(b, levels, group === undefined ? {} : { group }), target: masks }
}

type Examples = { readonly network: Network; readonly context: Context; readonly rows: Rows }

/** Without penalties: the mean over the examples. */
export function appendDataLoss(
  b: GraphBuilder,
  { training, model }: Pick<StepOptions, 'model' | 'training'>,
  { network, context, rows: { features, group, ...rows } }: Examples,
): string {
  const logits = network.append(b, features, {
    ...context,
    ...(group === undefined ? {} : { group, personal: model.personal }),
  })
  const adjusted = logitAdjustmentIn(training.loss) === undefined ? {} : { adjustment: adjustmentInput }
  return appendLoss(b, training.loss, { logits, ...rows, ...adjusted })
}

/** What is added to the data loss; nothing of it is made from data. */
export function appendPenalties(
  b: GraphBuilder,
  options: StepOptions,
  { network, learnt }: StepParts,
): readonly string[] {
  const l2 = appendL2(
    b,
    options.training.l2,
    network.weights.filter(({ learnt, penalised }) => learnt && penalised).map(({ name }) => name),
  )
  const proximal =
    options.proximalMu === undefined
      ? undefined
      : appendProximal(
          b,
          options.proximalMu,
          travelling(options, learnt).map(({ name }) => ({ weight: name, anchor: `anchor/${name}` })),
        )
  return [l2, proximal].filter((term) => term !== undefined)
}

/** Gradients of what is learnt, in order, that were made without penalties; with them. */
export function withPenalties(
  b: GraphBuilder,
  options: StepOptions,
  { parts, gradients }: { readonly parts: StepParts; readonly gradients: readonly string[] },
): readonly string[] {
  const penalties = penaltyGradients(b, options, parts)
  return parts.learnt.map(({ name }, index) => {
    const [gradient = '', penalty] = [gradients[index], penalties.get(name)]
    return penalty === undefined ? gradient : b.node('Add', [gradient, penalty])
  })
}

/** Of the weights that a penalty holds, by their names. */
function penaltyGradients(b: GraphBuilder, options: StepOptions, parts: StepParts): ReadonlyMap<string, string> {
  const before = b.nodes().length
  const terms = appendPenalties(b, options, parts)
  if (terms.length === 0) return new Map()
  const total = sum(b, terms)
  const nodes = b.nodes().slice(before)
  const learnt = new Set(parts.learnt.map(({ name }) => name))
  const gradients = new Map([[total, b.scalar(1)]])
  flowBack(b, { nodes, active: new Set([...learnt, ...nodes.flatMap(({ outputs }) => outputs)]), gradients })
  return new Map([...gradients].filter(([name]) => learnt.has(name)))
}

/** Of weights that are learnt. */
export const travelling = <T extends TensorSpec>({ model }: StepOptions, learnt: readonly T[]): T[] =>
  learnt.filter(({ name }) => !model.personal.includes(name))
