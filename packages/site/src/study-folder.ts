/** What a site keeps of a study: the plan as approved, its own grant, the preparation first seen, personal weights by round. */
import { join } from 'node:path'
import type { Disk } from '@wardround/core/ports.ts'
import { signedSchema } from '@wardround/core/protocol/routes.ts'
import { decodeWeights, encodeWeights } from '@wardround/core/safetensors.ts'
import type { TensorSpec, Weights } from '@wardround/core/weights.ts'
import { z } from 'zod'
import { readJson, remove, writeDurably, writeJson } from './files.ts'

const planSchema = z.record(z.string(), z.unknown())
export type StudyFolder = ReturnType<typeof studyFolder>

export function studyFolder({ disk, folder }: { disk: Disk; folder: string }, study: string) {
  const path = (...parts: string[]): string => join(folder, 'studies', study, ...parts)
  const personal = path('personal')
  const rounds = (): number[] =>
    disk
      .list(personal)
      .flatMap((name) => /^(\d+)\.safetensors$/.exec(name)?.[1] ?? [])
      .map(Number)
      .toSorted((a, b) => a - b)
  const weightsIn = (file: string, specs: readonly TensorSpec[]): Weights | undefined => {
    const bytes = disk.read(file)
    return bytes === undefined ? undefined : decodeWeights(bytes, specs)
  }
  return {
    plan: () => readJson(disk, path('plan.json'), planSchema),
    savePlan: (plan: Record<string, unknown>) => writeJson(disk, path('plan.json'), plan),
    grant: () => readJson(disk, path('grant.json'), signedSchema),
    saveGrant: (grant: z.output<typeof signedSchema>) => writeJson(disk, path('grant.json'), grant),
    preparation: () => readJson(disk, path('preparation.json'), planSchema),
    savePreparation: (preparation: Record<string, unknown>) => writeJson(disk, path('preparation.json'), preparation),
    /** Personal weights after `round`, or after the latest round before it; undefined before the first. */
    personal: (round: number, specs: readonly TensorSpec[]): Weights | undefined => {
      const latest = rounds().findLast((stored) => stored <= round)
      return latest === undefined ? undefined : weightsIn(join(personal, `${latest}.safetensors`), specs)
    },
    savePersonal: (round: number, weights: Weights) =>
      writeDurably(disk, join(personal, `${round}.safetensors`), encodeWeights(weights)),
    /** Deletes personal weights that no task can ask for any more: all but what personal() finds for the wanted rounds. */
    keepPersonal: (wanted: readonly number[]) => {
      const found = wanted.map((round) => rounds().findLast((stored) => stored <= round))
      for (const round of rounds()) if (!found.includes(round)) remove(disk, join(personal, `${round}.safetensors`))
    },
    saveWeights: (bytes: Uint8Array) => writeDurably(disk, path('model.safetensors'), bytes),
    weights: (specs: readonly TensorSpec[]) => weightsIn(path('model.safetensors'), specs),
  }
}
