/** What a trainer asks of its process, a line each, with arrays as places in the exchange (exchange.ts). */
import type { Dataset, PredictRequest, TrainRequest } from './messages.ts'

type Without<T> = T extends unknown ? Omit<T, 'data'> : never

type Common = {
  readonly id: number
  /** By its digest, and whole where the process does not have it yet. */
  readonly dataset: { readonly digest: string; readonly value?: Dataset }
  /** Digests of data sets that are not asked for again soon. */
  readonly forget: readonly string[]
}

/** Training or predictions. */
export type WorkRequest = Exclude<ProgramRequest, { kind: 'cancel' | 'checkpoint' }>

export type ProgramRequest =
  | (Common & { readonly kind: 'train'; readonly request: Without<TrainRequest> })
  | (Common & { readonly kind: 'predict'; readonly request: Without<PredictRequest> })
  /** Of the request that is under way, or was a moment ago. */
  | { readonly kind: 'cancel'; readonly id: number }
  /** Where it stands, once, as soon as may be, to this place in the exchange: what is carried, then the losses (messages.ts). */
  | CheckpointRequest

export type CheckpointRequest = { readonly kind: 'checkpoint'; readonly id: number; readonly at: number }

/** The exchange among the files that the process is started with. */
export const exchangeFile = 3
