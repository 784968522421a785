/** Values of a weights file: which of them no training gives, and whether there are any among those that pass. */
import { WardroundError } from '@wardround/core/errors.ts'
import { float32Of, headerSize } from '@wardround/core/safetensors.ts'

/** Beyond this a change of a weight is no training result, and sums of such could overflow Float32. */
export const largestChange = 1e30

/** Errors: WR_WEIGHTS_INVALID, WR_WEIGHTS_NOT_FINITE. */
export function requirePlausible(values: Float32Array): void {
  const index = firstImplausible(values)
  if (index < 0) return
  if (Number.isFinite(values[index]))
    throw new WardroundError('WR_WEIGHTS_INVALID', { problem: `A weight changes by more than ${largestChange}.` })
  throw new WardroundError('WR_WEIGHTS_NOT_FINITE', { tensor: 'the update' })
}

function firstImplausible(values: Float32Array): number {
  // Asked once: in a loop that V8 has not compiled to the end, each time costs more than the comparison.
  const { length } = values
  for (let i = 0; i < length; i++) if (!(Math.abs(values[i] ?? 0) <= largestChange)) return i
  return -1
}

export type PassingValues = {
  /** What comes next of the file. */
  update(bytes: Uint8Array): void
  /** Whether all that stands behind the header is Float32 values that are plausible. Of a file that has another form it says nothing. */
  plausible(): boolean
}

/** Bytes of a value: it may come in two pieces. */
const valueBytes = 4
/** In which a header says its size. */
const prefixBytes = 8

/** A safetensors file that is seen once, from front to back, in pieces of any size. */
export function passingValues(): PassingValues {
  const [prefix, part] = [new Uint8Array(prefixBytes), new Uint8Array(valueBytes)]
  let [seenBytes, partBytes, dataStart] = [0, 0, prefixBytes]
  let implausible = false
  const check = (bytes: Uint8Array): void => {
    implausible ||= firstImplausible(float32Of(bytes)) >= 0
  }
  const readPrefix = (bytes: Uint8Array): void => {
    const missing = bytes.subarray(0, prefixBytes - seenBytes)
    prefix.set(missing, seenBytes)
    if (seenBytes + missing.length < prefixBytes) return
    try {
      dataStart += headerSize(prefix)
    } catch {
      // Whoever reads the file finds out what is wrong with it.
      implausible = true
    }
  }
  return {
    update(bytes) {
      if (seenBytes < prefixBytes) readPrefix(bytes)
      let values = bytes.subarray(Math.max(0, dataStart - seenBytes))
      seenBytes += bytes.length
      if (implausible || values.length === 0) return
      if (partBytes > 0) {
        const rest = values.subarray(0, valueBytes - partBytes)
        part.set(rest, partBytes)
        values = values.subarray(rest.length)
        partBytes = (partBytes + rest.length) % valueBytes
        if (partBytes > 0) return
        check(part)
      }
      const whole = values.length - (values.length % valueBytes)
      check(values.subarray(0, whole))
      part.set(values.subarray(whole))
      partBytes = values.length - whole
    },
    plausible: () => !implausible && seenBytes >= dataStart && partBytes === 0,
  }
}
