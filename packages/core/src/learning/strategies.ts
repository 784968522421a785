/** The published algorithms, each a value put together from an aggregator and a server optimizer. */
import type { StrategySpec } from '../study/strategy.ts'
import { coordinateMedian, plainMean, trimmedMeanOf, weightedMean } from './aggregators.ts'
import { type Bound, centredClippingRule, normBoundRule } from './clipping.ts'
import { fedDynRule, linearTerm } from './fed-dyn.ts'
import { fedNovaRule } from './fed-nova.ts'
import { geometricMedianRule } from './geometric-median.ts'
import { krumRule, multiKrumRule } from './krum.ts'
import type { Aggregator, ServerOptimizer, Strategy } from './process.ts'
import { qFedAvgRule } from './q-fed-avg.ts'
import { controlVariates, scaffoldRule } from './scaffold.ts'
import { accumulate, adagradMoment, adamMoment, chain, scale, scaleByMoments, yogiMoment } from './server-optimizers.ts'
import { oneAfterAnother } from './turns.ts'

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

/** What the aggregator says, times a rate. */
const put = (aggregator: Aggregator, rate: number, name = aggregator.name): Strategy => ({
  name,
  aggregator,
  serverOptimizer: scale(rate),
  client: {},
})

type Rate = { rate: number }

/** Chang et al. 2018: the mean of one update is that update, so that each site goes on where the one before it ended. */
export const cyclic = ({ order }: { order: 'name' | 'shuffled' }): Strategy => ({
  ...mean('cyclic', scale(1)),
  turn: oneAfterAnother(order),
})

/** Yin et al. 2018: what fewer than half of the sites send cannot move a weight beyond what the others sent. */
export const median = ({ rate }: Rate): Strategy => put(coordinateMedian(), rate, 'median')
/** Yin et al. 2018: the same for no more sites than are trimmed on either side. */
export const trimmedMean = ({ rate, beta }: Rate & { beta: number }): Strategy => put(trimmedMeanOf(beta), rate)
/** Blanchard et al. 2017. */
export const krum = ({ rate, faulty }: Rate & { faulty?: number | undefined }): Strategy => put(krumRule(faulty), rate)
export const multiKrum = (options: Rate & { faulty?: number | undefined; keep?: number | undefined }): Strategy =>
  put(multiKrumRule(options.faulty, options.keep), options.rate)
/** Pillutla et al. 2022: RFA. */
export const geometricMedian = ({ rate, smoothing }: Rate & { smoothing: number }): Strategy =>
  put(geometricMedianRule(smoothing), rate)
/** Sun et al. 2019. */
export const normBound = ({ rate, norm }: Rate & { norm: Bound }): Strategy => put(normBoundRule(norm), rate)
/** Karimireddy et al. 2021. */
export const centredClipping = ({ rate, ...clipping }: Rate & { radius: Bound; iterations: number }): Strategy =>
  put(centredClippingRule(clipping), rate)

/** Wang et al. 2020. */
export const fedNova = ({ rate }: Rate): Strategy => put(fedNovaRule(), rate)
/** Li et al. 2020, "Fair Resource Allocation": the sites say their loss before training. */
export const qFedAvg = (options: { q: number; lipschitz: number }): Strategy => ({
  ...put(qFedAvgRule(options), 1),
  client: { lossBefore: true },
})

/** Karimireddy et al. 2020: the sites correct their gradients. */
export const scaffold = ({ rate }: Rate): Strategy => ({
  ...put(scaffoldRule(), rate),
  client: { correction: controlVariates },
})

/** Acar et al. 2021: the sites add a linear and a quadratic term to their loss. */
export const fedDyn = ({ alpha }: { alpha: number }): Strategy => ({
  ...put(fedDynRule(), 1),
  client: { proximalMu: alpha, correction: linearTerm(alpha) },
})

/** Nguyen et al. 2022, Algorithm 1: w ← w + η·(1/K)·Σ s(τᵢ)·Δᵢ. When a round has its K updates, and s(τ), are of collecting.ts. */
export const fedBuff = ({ rate }: Rate): Strategy => put(plainMean(), rate, 'fedBuff')

/** The strategy that a study names. */
export function strategyOf(spec: StrategySpec): Strategy {
  if ('fedAvg' in spec) return fedAvg(spec.fedAvg)
  if ('fedAvgM' in spec) return fedAvgM(spec.fedAvgM)
  if ('fedProx' in spec) return fedProx(spec.fedProx)
  if ('fedAdagrad' in spec) return fedAdagrad(spec.fedAdagrad)
  if ('fedAdam' in spec) return fedAdam(spec.fedAdam)
  if ('fedYogi' in spec) return fedYogi(spec.fedYogi)
  if ('cyclic' in spec) return cyclic(spec.cyclic)
  if ('median' in spec) return median(spec.median)
  if ('trimmedMean' in spec) return trimmedMean(spec.trimmedMean)
  if ('krum' in spec) return krum(spec.krum)
  if ('multiKrum' in spec) return multiKrum(spec.multiKrum)
  if ('geometricMedian' in spec) return geometricMedian(spec.geometricMedian)
  if ('normBound' in spec) return normBound(spec.normBound)
  if ('fedNova' in spec) return fedNova(spec.fedNova)
  if ('qFedAvg' in spec) return qFedAvg(spec.qFedAvg)
  if ('scaffold' in spec) return scaffold(spec.scaffold)
  if ('fedDyn' in spec) return fedDyn(spec.fedDyn)
  if ('fedBuff' in spec) return fedBuff(spec.fedBuff)
  return centredClipping(spec.centredClipping)
}
