/** What a site keeps of a study: the plan as approved, its own grant, the preparation first seen, personal weights by round. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { signedSchema } from '@wardround/core/protocol/routes.ts'
import { decodeWeights, encodeWeights } from '@wardround/core/safetensors.ts'
import type { TensorSpec, Weights } from '@wardround/core/weights.ts'
import { z } from 'zod'
import { readJson, remove, writeDurably, writeJson } from './files.ts'

const planSchema = z.record(z.string(), z.unknown())
export type StudyFolder = ReturnType<typeof studyFolder>

export function studyFolder(siteFolder: string, study: string) {
  const path = (...parts: string[]): string => join(siteFolder, 'studies', study, ...parts)
  const personal = path('personal')
  const rounds = (): number[] =>
    existsSync(personal)
      ? readdirSync(personal)
          .flatMap((name) => /^(\d+)\.safetensors$/.exec(name)?.[1] ?? [])
          .map(Number)
          .toSorted((a, b) => a - b)
      : []
  return {
    plan: () => readJson(path('plan.json'), planSchema),
    savePlan: (plan: Record<string, unknown>) => writeJson(path('plan.json'), plan),
    grant: () => readJson(path('grant.json'), signedSchema),
    saveGrant: (grant: z.output<typeof signedSchema>) => writeJson(path('grant.json'), grant),
    preparation: () => readJson(path('preparation.json'), planSchema),
    savePreparation: (preparation: Record<string, unknown>) => writeJson(path('preparation.json'), preparation),
    /** Personal weights after `round`, or after the latest round before it; undefined before the first. */
    personal: (round: number, specs: readonly TensorSpec[]): Weights | undefined => {
      const latest = rounds().findLast((stored) => stored <= round)
      return latest === undefined
        ? undefined
        : decodeWeights(readFileSync(join(personal, `${latest}.safetensors`)), specs)
    },
    savePersonal: (round: number, weights: Weights) =>
      writeDurably(join(personal, `${round}.safetensors`), encodeWeights(weights)),
    /** Deletes personal weights that no task can ask for any more: all but what personal() finds for the wanted rounds. */
    keepPersonal: (wanted: readonly number[]) => {
      const found = wanted.map((round) => rounds().findLast((stored) => stored <= round))
      for (const round of rounds()) if (!found.includes(round)) remove(join(personal, `${round}.safetensors`))
    },
    saveWeights: (bytes: Uint8Array) => writeDurably(path('model.safetensors'), bytes),
    weights: (specs: readonly TensorSpec[]): Weights | undefined =>
      existsSync(path('model.safetensors')) ? decodeWeights(readFileSync(path('model.safetensors')), specs) : undefined,
  }
}
