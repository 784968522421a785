/**
 * What a site sends after training: one safetensors file with the differences of the shared weights, whose metadata says what weights alone
 * do not. It is the task's result, whole in itself: nothing has to arrive with it, before it or after it.
 */
import { z } from 'zod'
import { WardroundError } from '../errors.ts'
import { parseJson } from '../json.ts'
import { encodeHeader, encodeSafetensors, type Header, safetensorsParts } from '../safetensors.ts'
import type { TensorSpec, Weights } from '../weights.ts'
import { canonicalJson } from './canonical.ts'
import { trainFacts } from './task.ts'

const factsSchema = z.strictObject(trainFacts)
export type UpdateFacts = z.output<typeof factsSchema>

/** The metadata's one member. */
const member = 'wardround'

/** The bytes of an update; the same weights and facts give the same bytes. */
export const encodeUpdate = (weights: Weights, facts: UpdateFacts): Uint8Array<ArrayBuffer> =>
  encodeSafetensors(weights, { [member]: canonicalJson(facts) })

/** The same, one part after another, the values in place. */
export const updateParts = (weights: Weights, facts: UpdateFacts): readonly Uint8Array[] =>
  safetensorsParts(weights, { [member]: canonicalJson(facts) })

/** All of an update that stands before its values: for one that is made range by range. */
export const encodeUpdateHead = (specs: readonly TensorSpec[], facts: UpdateFacts): Uint8Array<ArrayBuffer> =>
  encodeHeader(
    specs.map((spec) => ({ ...spec, dataType: 'F32' })),
    { [member]: canonicalJson(facts) },
  )

/** Errors: WR_WEIGHTS_INVALID where the metadata does not say them. */
export function updateFacts({ metadata }: Pick<Header, 'metadata'>): UpdateFacts {
  const parsed = factsSchema.safeParse(jsonOf(metadata[member]))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const problem = `its metadata does not say ${issue?.path.join('.') || 'how it was made'}`
    throw new WardroundError('WR_WEIGHTS_INVALID', { problem })
  }
  return parsed.data
}

function jsonOf(text: string | undefined): unknown {
  try {
    return parseJson(text ?? '')
  } catch {
    // Not JSON that could be kept: it says nothing, which the schema refuses.
    return undefined
  }
}
