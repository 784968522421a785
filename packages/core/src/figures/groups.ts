/** Whose patients a panel is about: all hospitals' together first, then each hospital's. */
import type { Results } from '../protocol/results.ts'
import type { ModelResult } from '../protocol/task.ts'
import { figureWords, type ModelName } from '../words/en/figures.ts'

export type NamedModel = { readonly model: ModelName; readonly result: ModelResult }
export type Group = { readonly name: string; readonly models: readonly NamedModel[] }

type Models = { readonly local: ModelResult; readonly federated: ModelResult; readonly centralised: ModelResult | null }

/** In the order in which they are read: alone, together, and what pooling would have given where it is known. */
export const modelsOf = ({ local, federated, centralised }: Models): readonly NamedModel[] => [
  { model: 'local', result: local },
  { model: 'federated', result: federated },
  ...(centralised === null ? [] : [{ model: 'centralised' as const, result: centralised }]),
]

export const groupsOf = ({ overall, sites }: Pick<Results, 'overall' | 'sites'>): readonly Group[] => [
  { name: figureWords.overall(), models: modelsOf(overall) },
  ...sites.map((site) => ({ name: site.name, models: modelsOf(site) })),
]
