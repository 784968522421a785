/** Gradients that are too large are cut down before the optimizer sees them. */
import type { ClipSpec } from '../study/model.ts'
import type { GraphBuilder } from './builder.ts'
import { sum, sumOfSquares } from './losses/penalties.ts'

/**
 * By norm all are multiplied by min(1, c / (‖g‖ + 10⁻⁶)), ‖g‖ over all tensors together (Pascanu, Mikolov and Bengio 2013, Algorithm 1, as PyTorch's
 * clip_grad_norm_); by value each one is cut at ±c.
 */
export function clipGradients(
  b: GraphBuilder,
  clip: ClipSpec | undefined,
  gradients: readonly string[],
): readonly string[] {
  if (clip === undefined) return gradients
  if ('value' in clip)
    return gradients.map((gradient) => b.node('Clip', [gradient, b.scalar(-clip.value), b.scalar(clip.value)]))
  const squares = gradients.map((gradient) => sumOfSquares(b, gradient))
  const norm = b.node('Sqrt', [sum(b, squares)])
  const share = b.node('Div', [b.scalar(clip.norm), b.node('Add', [norm, b.scalar(1e-6)])])
  const factor = b.node('Min', [share, b.scalar(1)])
  return gradients.map((gradient) => b.node('Mul', [gradient, factor]))
}
