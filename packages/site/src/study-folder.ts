/**
 * What a site keeps of a study: the plan as approved, its own grant, the preparation first seen, by round personal weights and the
 * strategy's own vector.
 */
import { join } from 'node:path'
import type { Disk } from '@wardround/core/ports.ts'
import { signedSchema } from '@wardround/core/protocol/routes.ts'
import { decodeWeights, weightsParts } from '@wardround/core/safetensors.ts'
import type { TensorSpec, Weights } from '@wardround/core/weights.ts'
import { z } from 'zod'
import { jsonIn, readBytes, readJson, readWhole, remove, writeDurably, writeJson } from './files.ts'
import { digestOf } from './outbox.ts'

const planSchema = z.record(z.string(), z.unknown())

/** A file as it was read, and what it says: undefined where there is none. */
export type KeptFile<T> = { readonly bytes: Uint8Array | undefined; value(): T | undefined }
export type Approval = {
  readonly plan: KeptFile<z.output<typeof planSchema>>
  readonly grant: KeptFile<z.output<typeof signedSchema>>
}

export function studyFolder({ disk, folder }: { disk: Disk; folder: string }, study: string) {
  const path = (...parts: string[]): string => join(folder, 'studies', study, ...parts)
  const kept = <T extends z.ZodType>(name: string, schema: T): KeptFile<z.output<T>> => {
    const bytes = readBytes(disk, path(name))
    return { bytes, value: () => (bytes === undefined ? undefined : jsonIn(bytes, path(name), schema)) }
  }
  return {
    /** The plan and the grant, as their files have them now. */
    approval: (): Approval => ({ plan: kept('plan.json', planSchema), grant: kept('grant.json', signedSchema) }),
    savePlan: (plan: Record<string, unknown>) => writeJson(disk, path('plan.json'), plan),
    saveGrant: (grant: z.output<typeof signedSchema>) => writeJson(disk, path('grant.json'), grant),
    preparation: () => readJson(disk, path('preparation.json'), planSchema),
    savePreparation: (preparation: Record<string, unknown>) => writeJson(disk, path('preparation.json'), preparation),
    /** What a study with a model from a file starts from. */
    first: {
      save: (weights: Weights): void => writeDurably(disk, path('first.safetensors'), weightsParts(weights)),
      /** undefined where there are none, or not those of this digest any more. */
      weights({ sha256 }: { sha256: string }, specs: readonly TensorSpec[]): Weights | undefined {
        const bytes = readWhole(disk, path('first.safetensors'))
        return bytes === undefined || digestOf([bytes]) !== sha256 ? undefined : decodeWeights(bytes, specs)
      },
    },
    /** Personal weights. */
    personal: byRound(disk, path('personal')),
    /** This site's own vector of the strategy (core/learning/local-correction.ts). */
    own: byRound(disk, path('own')),
    saveWeights: (weights: Weights) => writeDurably(disk, path('model.safetensors'), weightsParts(weights)),
    weights: (specs: readonly TensorSpec[]) => weightsIn(disk, path('model.safetensors'), specs),
  }
}

function weightsIn(disk: Disk, file: string, specs: readonly TensorSpec[]): Weights | undefined {
  const bytes = readWhole(disk, file)
  return bytes === undefined ? undefined : decodeWeights(bytes, specs)
}

/**
 * All of a study's rounds together, of each kind: a coordinator that is restored from a backup asks for rounds again, and they come out alike only with
 * what this site had then. Small models keep every round; a large one as many of the last as fit.
 */
const keptBytes = 1 << 28

/** What is kept of rounds: a file each. */
function byRound(disk: Disk, folder: string) {
  const file = (round: number): string => join(folder, `${round}.safetensors`)
  const rounds = (): number[] =>
    disk
      .list(folder)
      .flatMap((name) => /^(\d+)\.safetensors$/.exec(name)?.[1] ?? [])
      .map(Number)
      .toSorted((a, b) => a - b)
  const latest = (round: number): number | undefined => rounds().findLast((stored) => stored <= round)
  return {
    /** What was kept after this very round. */
    at: (round: number, specs: readonly TensorSpec[]): Weights | undefined => weightsIn(disk, file(round), specs),
    /** What was kept after `round`, or after the latest round before it; undefined before the first. */
    latest(round: number, specs: readonly TensorSpec[]): Weights | undefined {
      const found = latest(round)
      return found === undefined ? undefined : weightsIn(disk, file(found), specs)
    },
    save: (round: number, weights: Weights): void => writeDurably(disk, file(round), weightsParts(weights)),
    /** Keeps what latest() finds for the wanted rounds, and of the others the newest for which there is room. */
    keep(wanted: readonly number[], roomBytes = keptBytes): void {
      const found = wanted.map(latest)
      let bytes = 0
      for (const round of rounds().toReversed()) {
        bytes += disk.sizeBytes(file(round)) ?? 0
        if (bytes > roomBytes && !found.includes(round)) remove(disk, file(round))
      }
    },
  }
}
