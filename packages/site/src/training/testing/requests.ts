/** Training requests of every kind that a study can ask for. */
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import { outcomeOf } from '@wardround/core/study/outcome.ts'
import fc from 'fast-check'
import type { TrainRequest } from '../messages.ts'

const optimizers = [
  { sgd: { rate: 0.05 } },
  { sgd: { rate: 0.05, momentum: 0.9 } },
  { sgd: { rate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 0.01 } },
  { adam: { rate: 0.01 } },
  { adam: { rate: 0.01, weightDecay: 0.1 } },
  { adamW: { rate: 0.01 } },
  { rmsProp: { rate: 0.01, momentum: 0.9, centered: true } },
  { rmsProp: { rate: 0.01 } },
  { adagrad: { rate: 0.1, weightDecay: 0.01 } },
  { lamb: { rate: 0.01 } },
] as const
const schedules = [
  undefined,
  { exponential: { factor: 0.5 } },
  { cosine: { length: 5, warmUp: 2, over: 'steps' } },
] as const
const clips = [undefined, { norm: 0.1 }, { norm: 1000 }, { value: 0.001 }] as const

/** Layers wide enough to be cut in several ranges, and everything else that a study can ask for. */
export const requests = fc
  .record({
    inputs: fc.integer({ min: 1, max: 70 }),
    hidden: fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 2 }),
    activation: fc.constantFrom('linear', 'relu', 'tanh', 'sigmoid', 'softmax'),
    dropout: fc.boolean(),
    loss: fc.constantFrom(
      'binaryCrossEntropy',
      'categoricalCrossEntropy',
      { categoricalCrossEntropy: { logitAdjustment: 1 } },
      'meanSquaredError',
      { categoricalFocalCrossEntropy: {} },
      { huber: { delta: 0.25 } },
    ),
    optimizer: fc.constantFrom(...optimizers),
    schedule: fc.constantFrom(...schedules),
    clipGradients: fc.constantFrom(...clips),
    l2: fc.constantFrom(0, 0.01),
    weighted: fc.boolean(),
    proximal: fc.boolean(),
    corrected: fc.boolean(),
    personal: fc.boolean(),
    batch: fc.integer({ min: 1, max: 40 }),
    rows: fc.integer({ min: 1, max: 60 }),
    amount: fc.constantFrom({ epochs: 2 }, { steps: 3, from: 2 }),
    seed: fc.nat(),
  })
  .map(
    ({
      hidden,
      activation,
      dropout,
      loss,
      optimizer,
      schedule,
      clipGradients,
      l2,
      batch,
      rows,
      inputs,
      amount,
      seed,
      ...asked
    }): TrainRequest => {
      const parsed = trainingSchema.parse({
        loss,
        optimizer,
        schedule,
        clipGradients,
        l2,
        batch,
        epochs: 1,
      })
      const classes = outcomeOf(parsed.loss) === 'multiclass' ? 3 : 1
      const model = modelSchema.parse({
        layers: [
          ...hidden.flatMap((dense) => [{ dense, activation }, ...(dropout ? [{ dropout: 0.25 }] : [])]),
          { dense: classes, name: 'output' },
        ],
        personal: asked.personal ? ['output.bias'] : [],
      })
      const random = seededRandom(['request', seed])
      const near = (length: number) => Float32Array.from({ length }, () => random.uniform() - 0.5)
      const weights = initialWeights(model, inputs, random)
      const shared = weights.filter(({ name }) => !model.personal.includes(name))
      const target = Float32Array.from({ length: rows }, () => random.below(Math.max(2, classes)))
      return {
        ...amount,
        model,
        training: parsed,
        round: 3,
        data: { features: near(rows * inputs), rows, width: inputs, target },
        weights,
        labels: ['stepwise', seed],
        ...(asked.weighted ? { classWeights: [0.5, 2, 1] } : {}),
        ...(asked.proximal ? { proximal: { mu: 0.1, anchor: weights } } : {}),
        ...(asked.corrected ? { correction: shared.map((one) => ({ ...one, data: near(one.data.length) })) } : {}),
      }
    },
  )
