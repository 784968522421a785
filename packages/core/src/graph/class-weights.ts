/** What each class weighs at a site. */
import type { TrainingSpec } from '../study/model.ts'

/**
 * One weight for each class, or undefined where all weigh one. `balanced` is n / (classes · n_class), as scikit-learn's; a class
 * that this site has not weighs nothing, because it cannot occur. `target` holds class indices; `classes` their labels in order.
 */
export function resolveClassWeights(
  spec: TrainingSpec['classWeights'],
  { target, classes }: { target: Float32Array; classes: readonly string[] },
): readonly number[] | undefined {
  if (spec === undefined) return undefined
  if (spec !== 'balanced') return classes.map((label) => spec[label] ?? 1)
  const counts = classes.map((_, index) => target.reduce((count, value) => count + (value === index ? 1 : 0), 0))
  return counts.map((count) => (count === 0 ? 0 : target.length / (classes.length * count)))
}
