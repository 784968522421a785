/** What a task puts aside while it works, for as long as it works: nothing of it is needed by another one, or after a crash. */
import { join } from 'node:path'
import type { Disk } from '@wardround/core/ports.ts'
import { decodeWeights, weightsParts } from '@wardround/core/safetensors.ts'
import type { TensorSpec } from '@wardround/core/weights.ts'
import { readWhole, remove, writeWhole } from './files.ts'
import type { BestWeights } from './local-training.ts'
import { damaged, digestOf } from './outbox.ts'

type Place = { readonly disk: Disk; readonly folder: string }

const scratchFolder = (folder: string): string => join(folder, 'scratch')
const pathOf = ({ folder }: Place, study: string): string => join(scratchFolder(folder), `${study}.safetensors`)

/** Weights in a file, which is gone once they are taken. Errors: WR_DISK, where they are not what was put, too. */
export function scratchWeights(place: Place, study: string, specs: readonly TensorSpec[]): BestWeights {
  const { disk } = place
  const path = pathOf(place, study)
  let sha256 = ''
  return {
    put(weights) {
      const parts = weightsParts(weights)
      writeWhole(disk, path, parts)
      sha256 = digestOf(parts)
    },
    take() {
      const bytes = readWhole(disk, path)
      remove(disk, path)
      if (bytes === undefined || digestOf([bytes]) !== sha256) throw damaged(path)
      return decodeWeights(bytes, specs)
    },
  }
}

/** Of a study, whose task is over. Errors: WR_DISK. */
export function dropScratch(place: Place, study: string): void {
  const path = pathOf(place, study)
  if (place.disk.sizeBytes(path) !== undefined) remove(place.disk, path)
}

/** Removes what a crash has left behind, while nobody is at work. Errors: WR_PERMISSION, WR_DISK. */
export function clearScratch({ disk, folder }: Place): void {
  const scratch = scratchFolder(folder)
  for (const name of disk.list(scratch)) remove(disk, join(scratch, name))
}
