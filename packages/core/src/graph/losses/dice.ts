/**
 * Soft Dice of a segmentation (Milletari, Navab and Ahmadi 2016, "V-Net", section 3): 1 − (2·Σ p·g + ε) / (Σ p + Σ g + ε) over the places of one example
 * and one class. With `squared` the denominator's sums are of squares, as in that paper; without, they are plain, as in MONAI's DiceLoss with batch=False,
 * whose ε this is. Each class counts alike, the background among them.
 */
import type { DiceOptions } from '../../study/loss.ts'
import type { GraphBuilder } from '../builder.ts'
import { int, type Shape } from '../ir.ts'
import { binaryCrossEntropy, categoricalCrossEntropy } from './cross-entropy.ts'
import { type LossInputs, oneHot, requireShape } from './loss.ts'

const epsilon = 1e-5

/**
 * [batch, classes] from logits [batch, classes, …] and class indices [batch, 1, …]; one class is a question of yes or no, and its target 0 or 1. `…` are the
 * axes of space, at least one.
 */
export function dice(b: GraphBuilder, { logits, target }: LossInputs, { squared = false }: DiceOptions = {}): string {
  const shape = b.shape(logits)
  const [batch = 0, classes = 0, ...space] = shape
  requireShape(b, target, [batch, 1, ...space])
  const p = classes === 1 ? b.node('Sigmoid', [logits]) : b.node('Softmax', [logits], { attributes: { axis: int(1) } })
  const g = classes === 1 ? target : oneHot(b, target, Number(classes))
  const sum = (of: string): string =>
    b.node('ReduceSum', [of, spaceAxes(b, shape)], { attributes: { keepdims: int(0) } })
  const size = (of: string): string => sum(squared ? b.node('Mul', [of, of]) : of)
  const common = b.node('Add', [b.node('Mul', [sum(b.node('Mul', [p, g])), b.scalar(2)]), b.scalar(epsilon)])
  const all = b.node('Add', [b.node('Add', [size(p), size(g)]), b.scalar(epsilon)])
  return b.node('Sub', [b.scalar(1), b.node('Div', [common, all])])
}

/** Dice and, as much again, cross-entropy over all places: [batch, classes]. */
export function diceCrossEntropy(b: GraphBuilder, inputs: LossInputs, options: DiceOptions = {}): string {
  const shape = b.shape(inputs.logits)
  const overlap = dice(b, inputs, options)
  const entropy = shape[1] === 1 ? binaryCrossEntropy(b, inputs) : categoricalCrossEntropy(b, inputs)
  const each = b.node('ReduceMean', [entropy, spaceAxes(b, shape)], { attributes: { keepdims: int(0) } })
  return b.node('Add', [overlap, each])
}

const spaceAxes = (b: GraphBuilder, shape: Shape): string => b.axes(shape.slice(2).map((_, axis) => axis + 2))
