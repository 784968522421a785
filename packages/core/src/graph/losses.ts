/** Losses on logits, as the mean over a batch of each example's loss times its weight. */
import type { Loss } from '../study/model.ts'
import type { GraphBuilder } from './builder.ts'

export type LossInputs = {
  /** [batch, outputs] */
  readonly logits: string
  /** [batch, 1]: 0 or 1, a class index, or a value. */
  readonly target: string
  /** [batch, 1], or absent for weights of one. */
  readonly weight?: string
}

/**
 * A scalar. Weighted examples are divided by the batch size, not by the sum of the weights (as Keras does; PyTorch's
 * cross-entropy divides by the sum), so that one example's pull does not depend on its neighbours.
 */
export function appendLoss(b: GraphBuilder, loss: Loss, { logits, target, weight }: LossInputs): string {
  const each = exampleLoss(b, loss, { logits, target })
  const weighted = weight === undefined ? each : b.node('Mul', [each, weight])
  return b.node('ReduceMean', [weighted], { attributes: { keepdims: { kind: 'int', value: 0 } } })
}

function exampleLoss(b: GraphBuilder, loss: Loss, { logits, target }: LossInputs): string {
  switch (loss) {
    case 'binaryCrossEntropy':
      // −y·log σ(z) − (1 − y)·log(1 − σ(z)) = log(1 + eᶻ) − y·z, which no z overflows.
      return b.node('Sub', [b.node('Softplus', [logits]), b.node('Mul', [target, logits])])
    case 'categoricalCrossEntropy': {
      const picked = b.node('Mul', [
        oneHot(b, { target, classes: Number(b.shape(logits)[1]) }),
        b.node('LogSoftmax', [logits]),
      ])
      return b.node('Neg', [b.node('ReduceSum', [picked, b.axes([1])])])
    }
    case 'meanSquaredError': {
      const error = b.node('Sub', [logits, target])
      return b.node('Mul', [error, error])
    }
  }
}

/** [batch, classes] from class indices [batch, 1]. */
function oneHot(b: GraphBuilder, { target, classes }: { target: string; classes: number }): string {
  const name = `classes_${classes}`
  const numbers =
    b.constant(name)?.name ??
    b.initializer({
      name,
      type: 'float32',
      shape: [1, classes],
      data: Float32Array.from({ length: classes }, (_, index) => index),
    })
  return b.node('Cast', [b.node('Equal', [target, numbers])], { attributes: { to: { kind: 'int', value: 1 } } })
}

/** λ/2 · Σ‖w‖² over the named kernels. */
export function appendL2(b: GraphBuilder, lambda: number, kernels: readonly string[]): string | undefined {
  if (lambda === 0) return undefined
  const squares = kernels.map((kernel) => sumOfSquares(b, kernel))
  return b.node('Mul', [sum(b, squares), b.scalar(lambda / 2)])
}

/** μ/2 · ‖w − anchor‖² (Li et al. 2020, "Federated Optimization in Heterogeneous Networks", eq. 2). */
export function appendProximal(
  b: GraphBuilder,
  mu: number,
  pairs: readonly { weight: string; anchor: string }[],
): string {
  const squares = pairs.map(({ weight, anchor }) => sumOfSquares(b, b.node('Sub', [weight, anchor])))
  return b.node('Mul', [sum(b, squares), b.scalar(mu / 2)])
}

const sumOfSquares = (b: GraphBuilder, name: string): string =>
  b.node('ReduceSumSquare', [name], { attributes: { keepdims: { kind: 'int', value: 0 } } })

export const sum = (b: GraphBuilder, names: readonly string[]): string =>
  names.reduce((total, name) => b.node('Add', [total, name]))
