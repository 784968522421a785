/** What can be found when a model file is looked at. words/en/model.ts says each of them, and the nearest way round. */

/** Stands in the way of training. */
export type Obstacle =
  | { readonly kind: 'operator'; readonly op: string; readonly domain: string; readonly count: number }
  | { readonly kind: 'use'; readonly op: string; readonly problem: string; readonly count: number }
  | { readonly kind: 'gradient'; readonly op: string; readonly count: number }
  | { readonly kind: 'functions'; readonly count: number }
  | { readonly kind: 'external'; readonly count: number }
  | { readonly kind: 'sparse'; readonly count: number }
  | { readonly kind: 'type'; readonly type: string; readonly count: number }
  | { readonly kind: 'opset'; readonly opset: number; readonly oldest: number; readonly newest: number }
  | { readonly kind: 'inputs'; readonly names: readonly string[] }
  | { readonly kind: 'inputType'; readonly name: string; readonly type: string }
  | { readonly kind: 'fixedBatch'; readonly batch: number }
  | { readonly kind: 'openExtents'; readonly name: string; readonly shape: readonly (number | string)[] }
  | { readonly kind: 'nothingLearnt' }
  | { readonly kind: 'other'; readonly problem: string }

/** Does not stand in the way, but may not be what was meant. */
export type Remark =
  | { readonly kind: 'merged'; readonly tensors: readonly string[]; readonly uses: number }
  | { readonly kind: 'madeUpConstants'; readonly tensors: readonly string[]; readonly values: number }
  | { readonly kind: 'madeUpNames'; readonly tensors: readonly string[] }
  | { readonly kind: 'foldedNormalization'; readonly count: number }
  | { readonly kind: 'noDropout' }
  | { readonly kind: 'outputs'; readonly names: readonly string[] }
