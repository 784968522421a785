/** Training that takes its time and learns nothing, but something else at each site and in each round, and the same again when it is done again. */
import { WardroundError } from '@wardround/core/errors.ts'
import type { Clock } from '@wardround/core/ports.ts'
import { type Random, seededRandom } from '@wardround/core/random.ts'
import type { Weights } from '@wardround/core/weights.ts'
import type { Trainer } from '@wardround/site/training/trainer.ts'

/** Each tensor by itself, so that what one site keeps to itself changes nothing for the others. */
export const learn = (weights: Weights, labels: readonly (string | number)[]): Weights =>
  weights.map((tensor) => {
    const random = seededRandom([...labels, tensor.name])
    return { ...tensor, data: tensor.data.map((value) => Math.fround(value / 2 + random.uniform() - 0.5)) }
  })

export function stormTrainer(clock: Clock, random: Random, atMostMs: number): Trainer {
  return {
    async train({ weights, labels }, { signal } = {}) {
      if (labels[1] === 'train') await clock.sleep(1 + random.below(atMostMs), signal)
      if (signal?.aborted) throw new WardroundError('WR_CANCELLED')
      return { weights: learn(weights, labels), steps: 1, lossPerEpoch: [0.5] }
    },
    predict: async ({ data, weights }) => {
      const scale = weights[0]?.data[0] ?? 0
      return Float32Array.from({ length: data.rows }, (_, row) => {
        const score = Math.fround(scale * (data.features[row * data.width] ?? 0))
        return 1 / (1 + Math.exp(-score))
      })
    },
    warm: () => undefined,
    close: async () => undefined,
  }
}
