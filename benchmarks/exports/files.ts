/** What the Python side leaves for a model. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { float32Of, parseHeader } from '@wardround/core/safetensors.ts'
import { type Loss, lossSchema } from '@wardround/core/study/loss.ts'
import { z } from 'zod'
import type { Tensors } from './compare.ts'

const describedSchema = z.object({
  loss: lossSchema,
  rate: z.number(),
  momentum: z.number(),
  /** PyTorch's, before the step. */
  value: z.number(),
  ms: z.number(),
  /** Names of what PyTorch learns, and how many values that is. */
  parameters: z.array(z.string()),
  size: z.number(),
  /** Exports that did not come about, and why. */
  problems: z.record(z.string(), z.string()),
  versions: z.record(z.string(), z.string()),
})

export type Described = z.output<typeof describedSchema> & { readonly loss: Loss }

export const described = (folder: string, model: string): Described =>
  describedSchema.parse(JSON.parse(readFileSync(join(folder, `${model}.json`), 'utf8')))

export type Stored = { readonly values: Tensors; readonly shapes: ReadonlyMap<string, readonly number[]> }

export function stored(folder: string, file: string): Stored {
  const bytes = readFileSync(join(folder, `${file}.safetensors`))
  const { tensors, dataStart } = parseHeader(bytes, bytes.length)
  return {
    values: new Map(
      tensors.map(({ name, startByte, endByte }) => [
        name,
        float32Of(bytes.subarray(dataStart + startByte, dataStart + endByte)),
      ]),
    ),
    shapes: new Map(tensors.map(({ name, shape }) => [name, shape])),
  }
}
