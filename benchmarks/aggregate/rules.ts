/** The rules that are measured, and what each is in numpy (numpy_side.py). */
import { faultyOf } from '@wardround/core/learning/krum.ts'
import type { StrategySpec } from '@wardround/core/study/strategy.ts'

export type Rule = { readonly strategy: StrategySpec; readonly forms: readonly string[] }

/** The share that a trimmed mean leaves out on either side. */
export const trimmedShare = 0.1

export const meanForms = ['matmul', 'average', 'flower', 'running', 'running64'] as const

export const rules = {
  weightedMean: { strategy: { fedAvg: { rate: 1 } }, forms: meanForms },
  median: { strategy: { median: { rate: 1 } }, forms: ['median'] },
  trimmedMean: { strategy: { trimmedMean: { rate: 1, beta: trimmedShare } }, forms: ['trimmedMean'] },
  krum: { strategy: { krum: { rate: 1 } }, forms: ['krum'] },
  geometricMedian: { strategy: { geometricMedian: { rate: 1, smoothing: 1e-6 } }, forms: ['geometricMedian'] },
} as const satisfies Record<string, Rule>
export type RuleName = keyof typeof rules

/** As the rules themselves see it. */
export const trimmedIn = (sites: number): number => Math.min(Math.floor(trimmedShare * sites), (sites - 1) >> 1)
export const faultyIn = (sites: number): number => faultyOf(undefined, sites)
