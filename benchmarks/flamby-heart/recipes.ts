/**
 * FLamby's recipes for Fed-Heart-Disease, as studies: owkin/FLamby, flamby/config_heart_disease.json and
 * flamby/datasets/fed_heart_disease/common.py. Published figures: flamby/results/results_benchmark_fed_heart_disease, seeds 42 to 46, the mean over
 * the four centres of each seed's accuracy, then mean and deviation (n − 1) over the seeds.
 */
import type { Study } from '@wardround/core/study/study.ts'

/** FLamby's seeds. */
export const seeds: readonly number[] = [42, 43, 44, 45, 46]

/** How a row comes about: the four centres together, each by itself, all records in one place, or one centre for all. */
export type Kind = 'federation' | 'alone' | 'pooled' | 'cleveland only'

export type Recipe = {
  readonly strategy: string
  readonly kind: Kind
  readonly published: { readonly mean: number; readonly sd: number }
  /** Whether what FLamby ran is what its name says, and is run here. README.md says where not. */
  readonly same: boolean
  /** What is other than in study.yaml. */
  readonly change: Partial<Study>
}

const gradientDescent = (rate: number): Study['training'] => ({
  loss: 'binaryCrossEntropy',
  optimizer: { sgd: { rate, momentum: 0 } },
  batch: 4,
  steps: 100,
  l2: 0,
})
/** FLamby's optimizer for training without a federation: one round of fifty epochs. */
const adam: Partial<Study> = {
  training: {
    loss: 'binaryCrossEntropy',
    optimizer: { adam: { rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } },
    batch: 4,
    epochs: 50,
    l2: 0,
  },
  rounds: { maximum: 1, deadline: '10m' },
}
const moments = { beta1: 0.9, tau: 1e-8 }

export const recipes: readonly Recipe[] = [
  { strategy: 'pooled', kind: 'pooled', published: { mean: 0.7353, sd: 0.0027 }, same: true, change: adam },
  { strategy: 'own-site local', kind: 'alone', published: { mean: 0.7299, sd: 0.0287 }, same: true, change: adam },
  {
    strategy: 'FedAvg',
    kind: 'federation',
    published: { mean: 0.685, sd: 0.0283 },
    same: true,
    change: { strategy: { fedAvg: { rate: 1 } }, training: gradientDescent(0.001) },
  },
  {
    strategy: 'FedProx',
    kind: 'federation',
    published: { mean: 0.685, sd: 0.0283 },
    same: true,
    change: { strategy: { fedProx: { rate: 1, mu: 0.01 } }, training: gradientDescent(0.001) },
  },
  {
    strategy: 'Scaffold',
    kind: 'federation',
    published: { mean: 0.684, sd: 0.028 },
    same: false,
    change: { strategy: { scaffold: { rate: 1 } }, training: gradientDescent(0.001) },
  },
  {
    strategy: 'Cyclic',
    kind: 'federation',
    published: { mean: 0.718, sd: 0.0287 },
    same: false,
    change: { strategy: { cyclic: { order: 'shuffled' } }, training: gradientDescent(0.01) },
  },
  {
    strategy: 'Cyclic as coded',
    kind: 'cleveland only',
    published: { mean: 0.718, sd: 0.0287 },
    same: true,
    change: { training: gradientDescent(0.01), rounds: { maximum: 4, deadline: '10m' } },
  },
  {
    strategy: 'FedAdagrad',
    kind: 'federation',
    published: { mean: 0.7314, sd: 0.0125 },
    same: true,
    change: { strategy: { fedAdagrad: { rate: 0.316228, ...moments } }, training: gradientDescent(0.003162) },
  },
  {
    strategy: 'FedAdam',
    kind: 'federation',
    published: { mean: 0.7255, sd: 0.0138 },
    same: true,
    change: { strategy: { fedAdam: { rate: 0.01, beta2: 0.999, ...moments } }, training: gradientDescent(0.01) },
  },
  {
    strategy: 'FedYogi',
    kind: 'federation',
    published: { mean: 0.7314, sd: 0.0125 },
    same: true,
    change: { strategy: { fedYogi: { rate: 0.01, beta2: 0.999, ...moments } }, training: gradientDescent(0.003162) },
  },
]
