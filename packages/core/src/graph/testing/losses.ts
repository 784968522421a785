/** Losses with their gradients by the logits: PyTorch's of the fixture, and random uses. */
import fc from 'fast-check'
import type { Loss } from '../../study/loss.ts'
import { lossSchema } from '../../study/loss.ts'
import { graphBuilder } from '../builder.ts'
import { differentiate } from '../differentiate.ts'
// make_losses.py says how.
import fixture from '../fixtures/losses.json' with { type: 'json' }
import { float32, type NumberValue, type Values } from '../interpreter/values.ts'
import type { Graph } from '../ir.ts'
import { discriminatorLoss, type GanLoss, generatorLoss } from '../losses/gan.ts'
import { appendLoss } from '../losses/registry.ts'
import { betweenKinks, type Draw, either, integersOf, oneOf, sizeOf } from './draws.ts'

export type LossUse = {
  readonly name: string
  readonly loss: Loss
  /** `logits`, `target`, and perhaps `weight` or `adjustment`. */
  readonly feeds: Readonly<Record<string, NumberValue>>
}

/** The loss, called `loss`, and its gradient by the logits, `gradient`. */
export function lossGraph({ loss, feeds }: Pick<LossUse, 'loss' | 'feeds'>): Graph {
  const b = graphBuilder()
  for (const [name, { shape }] of Object.entries(feeds)) b.input({ name, type: 'float32', shape })
  const own = Object.fromEntries(Object.keys(feeds).map((name) => [name, name]))
  const total = appendLoss(b, loss, { logits: 'logits', target: 'target', ...own })
  const [gradient = ''] = differentiate(b, total, ['logits'])
  const named = { loss: total, gradient }
  return b.build(
    'loss',
    Object.entries(named).map(([name, value]) => b.node('Identity', [value], { name })),
  )
}

export const pytorchLosses = fixture.cases.map((one): LossUse & { readonly wanted: Values } => ({
  name: one.name,
  loss: lossSchema.parse(one.loss),
  feeds: {
    logits: float32(one.logitsShape, one.logits),
    target: float32(one.targetShape, one.target),
    ...(one.weight === undefined ? {} : { weight: float32([one.weight.length, 1], one.weight) }),
    ...(one.adjustment === undefined ? {} : { adjustment: float32([1, one.adjustment.length], one.adjustment) }),
  },
  wanted: { loss: float32([], [one.value]), gradient: float32(one.logitsShape, one.gradient) },
}))

export const pytorchGans = fixture.gans.map((one) => ({
  name: one.loss,
  graph: ganGraph(one.loss as GanLoss, { real: one.realShape, made: one.madeShape }),
  feeds: { real: float32(one.realShape, one.real), made: float32(one.madeShape, one.made) },
  wanted: {
    discriminator: float32([], [one.discriminator]),
    byReal: float32(one.realShape, one.byReal),
    byMade: float32(one.madeShape, one.byMade),
    generator: float32([], [one.generator]),
    generatorByMade: float32(one.madeShape, one.generatorByMade),
  } satisfies Values,
}))

export function ganGraph(
  loss: GanLoss,
  shapes: { readonly real: readonly number[]; readonly made: readonly number[] },
) {
  const b = graphBuilder()
  for (const [name, shape] of Object.entries(shapes)) b.input({ name, type: 'float32', shape })
  const discriminator = discriminatorLoss(b, loss, { real: 'real', made: 'made' })
  const [byReal = '', byMade = ''] = differentiate(b, discriminator, ['real', 'made'])
  const generator = generatorLoss(b, loss, 'made')
  const [generatorByMade = ''] = differentiate(b, generator, ['made'])
  const named = { discriminator, byReal, byMade, generator, generatorByMade }
  return b.build(
    'gan',
    Object.entries(named).map(([name, value]) => b.node('Identity', [value], { name })),
  )
}

const losses: readonly unknown[] = [
  'binaryCrossEntropy',
  'categoricalCrossEntropy',
  { categoricalCrossEntropy: { labelSmoothing: 0.25 } },
  { categoricalCrossEntropy: { logitAdjustment: 1 } },
  { categoricalCrossEntropy: { labelSmoothing: 0.25, logitAdjustment: 0.5 } },
  ...[0, 0.5, 2].flatMap((gamma) => [
    { binaryFocalCrossEntropy: { gamma, alpha: 0.25 } },
    { categoricalFocalCrossEntropy: { gamma } },
  ]),
  'meanSquaredError',
  'meanAbsoluteError',
  { huber: { delta: 0.5 } },
  ...['dice', 'diceCrossEntropy'].flatMap((name) => [name, { [name]: { squared: true } }]),
  'coxPartialLikelihood',
]

const nameOf = (loss: Loss): string => (typeof loss === 'string' ? loss : (Object.keys(loss)[0] ?? ''))

const isAdjusted = (loss: Loss): boolean =>
  typeof loss === 'object' &&
  'categoricalCrossEntropy' in loss &&
  loss.categoricalCrossEntropy.logitAdjustment !== undefined

/** Any loss on a small batch; `logits` says of what size they are. */
export function drawLoss(
  g: Draw,
  logitsOf: (g: Draw, shape: readonly number[]) => NumberValue = betweenKinks,
): LossUse {
  const loss = lossSchema.parse(oneOf(g, losses))
  const name = nameOf(loss)
  const batch = g(fc.integer, { min: 1, max: 4 })
  const numbersOf = (shape: readonly number[], max: number): NumberValue =>
    float32(shape, integersOf(g, sizeOf(shape), { min: 0, max }))
  const weight = name !== 'coxPartialLikelihood' && either(g) ? { weight: numbersOf([batch, 1], 3) } : {}
  const using = (shape: readonly number[], target: NumberValue): LossUse => ({
    name,
    loss,
    feeds: { logits: logitsOf(g, shape), target, ...weight },
  })
  if (name === 'coxPartialLikelihood')
    return using(
      [batch, 1],
      // Times 0, 1, 2, each with an event or without.
      float32(
        [batch, 2],
        integersOf(g, batch, { min: 0, max: 5 }).flatMap((drawn) => [drawn >> 1, drawn & 1]),
      ),
    )
  if (name.startsWith('dice')) {
    const [classes, space] = [oneOf(g, [1, 2, 3]), oneOf(g, [[2], [2, 2]])]
    return using([batch, classes, ...space], numbersOf([batch, 1, ...space], Math.max(1, classes - 1)))
  }
  if (name.startsWith('categorical')) {
    const use = using([batch, 3], numbersOf([batch, 1], 2))
    return isAdjusted(loss) ? { ...use, feeds: { ...use.feeds, adjustment: betweenKinks(g, [1, 3]) } } : use
  }
  const outputs = oneOf(g, [1, 2])
  return using([batch, outputs], numbersOf([batch, outputs], name.startsWith('binary') ? 1 : 3))
}
