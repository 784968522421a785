/** Every optimizer that a study may name. */
import type { OptimizerSpec } from '../../study/optimizer.ts'
import { adagrad } from './adagrad.ts'
import { adam } from './adam.ts'
import { adamW } from './adam-w.ts'
import { lamb } from './lamb.ts'
import type { Optimizer } from './optimizer.ts'
import { rmsProp } from './rms-prop.ts'
import { sgd } from './sgd.ts'

export function optimizerOf(spec: OptimizerSpec): Optimizer {
  if ('sgd' in spec) return sgd(spec.sgd)
  if ('adam' in spec) return adam(spec.adam)
  if ('adamW' in spec) return adamW(spec.adamW)
  if ('rmsProp' in spec) return rmsProp(spec.rmsProp)
  if ('adagrad' in spec) return adagrad(spec.adagrad)
  return lamb(spec.lamb)
}
