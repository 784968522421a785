/**
 * Recipes that choose.ts tries. Fixed before the first was run: FLamby's model and its scaling by hospital, thirty rounds of twenty steps of 32
 * records, weights that start at 0; the bias shared or personal, three rates, three penalties; then changes of one thing at a time.
 */
import { layersIn } from '@wardround/core/study/model-forms.ts'
import type { Study } from '@wardround/core/study/study.ts'
import { flambyColumns } from './torch-start.ts'

export type Candidate = { readonly name: string; readonly study: Study }

type Knobs = { readonly personal: boolean; readonly rate: number; readonly l2: number }

export function candidates(base: Study): readonly Candidate[] {
  const zeros = { 'output.kernel': flambyColumns.map(() => 0) }
  const recipe = ({ personal, rate, l2 }: Knobs): Study => ({
    ...base,
    model: { ...base.model, personal: personal ? ['output.bias'] : [], start: zeros },
    training: {
      loss: 'binaryCrossEntropy',
      optimizer: { sgd: { rate, momentum: 0 } },
      batch: 32,
      steps: 20,
      l2,
    },
    rounds: { maximum: 30, deadline: '10m' },
  })
  const grid = [true, false].flatMap((personal) =>
    [0.005, 0.02, 0.05].flatMap((rate) =>
      [0, 0.01, 0.1].map(
        (l2): Candidate => ({
          name: `${personal ? 'personal' : 'shared'} bias, rate ${rate}, l2 ${l2}`,
          study: recipe({ personal, rate, l2 }),
        }),
      ),
    ),
  )
  const middle = recipe({ personal: true, rate: 0.02, l2: 0.01 })
  const layers = [...layersIn(base.model)]
  const variants: Readonly<Record<string, Partial<Study>>> = {
    'weights drawn': { model: { layers, personal: ['output.bias'] } },
    '16 hidden units': { model: { layers: [{ dense: 16, activation: 'relu' }, ...layers], personal: ['output.bias'] } },
    '60 rounds': { rounds: { maximum: 60, deadline: '10m' } },
    'batches of 4, 100 steps': { training: { ...middle.training, batch: 4, steps: 100 } },
    'scaled by all': { data: { ...base.data, normalise: 'global' } },
    'fedProx, mu 0.1': { strategy: { fedProx: { rate: 1, mu: 0.1 } } },
    'fedAdam, rate 0.03': { strategy: { fedAdam: { rate: 0.03, beta1: 0.9, beta2: 0.99, tau: 0.001 } } },
  }
  return [
    ...grid,
    ...Object.entries(variants).map(([name, change]): Candidate => ({ name, study: { ...middle, ...change } })),
  ]
}
