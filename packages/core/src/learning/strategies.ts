/** The published algorithms, each a value put together from an aggregator and a server optimizer. */
import type { StrategySpec } from '../study/strategy.ts'
import { coordinateMedian, plainMean, trimmedMeanOf, weightedMean } from './aggregators.ts'
import type { ServerOptimizer, Strategy } from './process.ts'
import { accumulate, adagradMoment, adamMoment, chain, scale, scaleByMoments, yogiMoment } from './server-optimizers.ts'

const mean = (name: string, serverOptimizer: ServerOptimizer, client: Strategy['client'] = {}): Strategy => ({
  name,
  aggregator: weightedMean(),
  serverOptimizer,
  client,
})

type Adaptive = { rate: number; beta1: number; beta2: number; tau: number }

/** McMahan et al. 2017. */
export const fedAvg = ({ rate }: { rate: number }): Strategy => mean('fedAvg', scale(rate))
/** Hsu, Qi and Brown 2019. */
export const fedAvgM = ({ rate, momentum }: { rate: number; momentum: number }): Strategy =>
  mean('fedAvgM', chain(accumulate(momentum), scale(rate)))
/** Li et al. 2020: averaging; the sites add μ/2·‖w − wₜ‖² to their loss. */
export const fedProx = ({ rate, mu }: { rate: number; mu: number }): Strategy =>
  mean('fedProx', scale(rate), { proximalMu: mu })
/** Reddi et al. 2021, Algorithm 2. */
export const fedAdagrad = ({ rate, beta1, tau }: Omit<Adaptive, 'beta2'>): Strategy =>
  mean('fedAdagrad', chain(scaleByMoments({ beta1, tau, moment: adagradMoment }), scale(rate)))
export const fedAdam = ({ rate, beta1, beta2, tau }: Adaptive): Strategy =>
  mean('fedAdam', chain(scaleByMoments({ beta1, tau, moment: adamMoment(beta2) }), scale(rate)))
export const fedYogi = ({ rate, beta1, beta2, tau }: Adaptive): Strategy =>
  mean('fedYogi', chain(scaleByMoments({ beta1, tau, moment: yogiMoment(beta2) }), scale(rate)))

/** Yin et al. 2018: what fewer than half of the sites send cannot move a weight beyond what the others sent. */
export const median = ({ rate }: { rate: number }): Strategy => ({
  name: 'median',
  aggregator: coordinateMedian(),
  serverOptimizer: scale(rate),
  client: {},
})
/** Yin et al. 2018: the same for no more sites than are trimmed on either side. */
export const trimmedMean = ({ rate, beta }: { rate: number; beta: number }): Strategy => ({
  name: 'trimmedMean',
  aggregator: trimmedMeanOf(beta),
  serverOptimizer: scale(rate),
  client: {},
})

/** Nguyen et al. 2022, Algorithm 1: w ← w + η·(1/K)·Σ s(τᵢ)·Δᵢ. When a round has its K updates, and s(τ), are of collecting.ts. */
export const fedBuff = ({ rate }: { rate: number }): Strategy => ({
  name: 'fedBuff',
  aggregator: plainMean(),
  serverOptimizer: scale(rate),
  client: {},
})

/** The strategy that a study names. */
export function strategyOf(spec: StrategySpec): Strategy {
  if ('fedAvg' in spec) return fedAvg(spec.fedAvg)
  if ('fedAvgM' in spec) return fedAvgM(spec.fedAvgM)
  if ('fedProx' in spec) return fedProx(spec.fedProx)
  if ('fedAdagrad' in spec) return fedAdagrad(spec.fedAdagrad)
  if ('fedAdam' in spec) return fedAdam(spec.fedAdam)
  if ('fedYogi' in spec) return fedYogi(spec.fedYogi)
  if ('median' in spec) return median(spec.median)
  if ('fedBuff' in spec) return fedBuff(spec.fedBuff)
  return trimmedMean(spec.trimmedMean)
}
