/** Whole models and what PyTorch made of them: examples and first weights are drawn here as there. */
import { modelSchema, trainingSchema } from '../../study/model.ts'
import { sizeOf } from '../../weights.ts'
import { epochGraph } from '../epoch.ts'
// make_curves.py says how.
import fixture from '../fixtures/curves.json' with { type: 'json' }
import { float32, type Values } from '../interpreter/values.ts'
import { firstState, type Training } from './training.ts'

const { rows, batch, steps } = fixture
export const pytorchModels = fixture.models
export type PytorchModel = (typeof pytorchModels)[number]
export type PytorchCurve = PytorchModel['curves'][number]

/** A model of the fixture with one of its optimizers as a training graph, and what goes into it. */
export function curveTraining(model: PytorchModel, { optimizer }: PytorchCurve): Training {
  const options = {
    model: modelSchema.parse({ layers: model.layers }),
    training: trainingSchema.parse({ loss: model.loss, optimizer, batch, epochs: 1 }),
    inputs: model.input,
    batch,
    weighted: false,
  }
  const epoch = epochGraph(options)
  return { epoch, options, feeds: { ...drawnFeeds(model), ...firstState(epoch) } }
}

/** Whole numbers below a bound (Press et al. 1992, Numerical Recipes in C, section 7.1, "An Even Quicker Generator", of which the upper half is used). */
function draws(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor(((state >>> 16) * bound) / 2 ** 16)
  }
}

function drawnFeeds({ seed, loss, input, tensors }: PytorchModel): Values {
  const below = draws(seed)
  const whole = (size: number, bound: number): readonly number[] => Array.from({ length: size }, () => below(bound))
  /** base ± spread 64ths. */
  const around = (shape: readonly number[], base: number, spread: number): readonly number[] =>
    whole(sizeOf(shape), 2 * spread + 1).map((value) => (base + value - spread) / 64)
  const [classes, width] = [loss === 'categoricalCrossEntropy' ? 3 : 2, sizeOf(input)]
  const labels = whole(rows, classes)
  const noise = around([rows, width], 0, 64)
  const features = noise.map((value, index) => {
    const isRaised = (index % width) % classes === labels[Math.floor(index / width)]
    return isRaised ? value + 0.5 : value
  })
  return {
    target: float32([rows, 1], labels),
    features: float32([rows, ...input], features),
    batches: { type: 'int32', shape: [steps, batch], data: whole(steps * batch, rows) },
    ...Object.fromEntries(
      tensors.map(({ name, shape, base, spread }) => [name, float32(shape, around(shape, base, spread))]),
    ),
  }
}
