/**
 * safetensors: an 8-byte little-endian header size, a JSON header, then the values of all tensors one after another.
 * Wardround writes tensors in model order, so that the data section of a weights file *is* the model's flat vector and can be
 * read range by range. Reading is defensive: nothing is believed before it is checked.
 */
import { z } from 'zod'
import { WardroundError } from './errors.ts'
import { parseJson } from './json.ts'
import { firstNotFinite } from './vector.ts'
import { type NamedTensor, sizeOf, type TensorSpec, type Weights } from './weights.ts'

const bytesOf = { F32: 4, F64: 8 } as const
export type DataType = keyof typeof bytesOf

export type StoredTensor = {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array | Float64Array
}

export type HeaderEntry = TensorSpec & {
  readonly dataType: DataType /** From the start of the data section. */
  readonly startByte: number
  readonly endByte: number
}
export type Header = {
  readonly tensors: readonly HeaderEntry[] /** Where the data section starts in the file. */
  readonly dataStart: number
  readonly metadata: Readonly<Record<string, string>>
}

/** A header of more than this is not one of ours. */
export const headerLimitBytes = 1 << 20

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** The bytes of a file; the same tensors give the same bytes. Errors: of safetensorsParts(). */
export function encodeSafetensors(
  tensors: readonly StoredTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const parts = safetensorsParts(tensors, metadata)
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/**
 * The bytes of a file, one part after another: the header, and each tensor's values in place. Errors: WR_WEIGHTS_INVALID for data that does not fill its
 * shape, and for a name that is reserved or there twice.
 */
export function safetensorsParts(
  tensors: readonly StoredTensor[],
  metadata: Readonly<Record<string, string>> = {},
): readonly Uint8Array[] {
  for (const { name, shape, data } of tensors) {
    if (data.length !== sizeOf(shape))
      throw invalid(`the tensor ${name} holds ${data.length} values, its shape asks for ${sizeOf(shape)}`)
  }
  const typed = tensors.map(({ name, shape, data }) => ({
    name,
    shape,
    dataType: data instanceof Float32Array ? ('F32' as const) : ('F64' as const),
  }))
  return [encodeHeader(typed, metadata), ...tensors.map(({ data }) => bytesIn(data))]
}

const bytesIn = ({ buffer, byteOffset, byteLength }: StoredTensor['data']): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** Everything before the values: for files that are written range by range. Errors: WR_WEIGHTS_INVALID for a reserved name, or one that is there twice. */
export function encodeHeader(
  tensors: readonly (TensorSpec & { readonly dataType: DataType })[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  if (!littleEndian) throw new WardroundError('WR_INTERNAL', { what: 'this machine is big-endian' })
  const header: Record<string, unknown> = Object.keys(metadata).length === 0 ? {} : { __metadata__: metadata }
  let end = 0
  for (const { name, shape, dataType } of tensors) {
    if (name === '__metadata__' || name === '__proto__' || Object.hasOwn(header, name))
      throw invalid(`no tensor may be called ${name.slice(0, 60)}, or two are`)
    const start = end
    end += sizeOf(shape) * bytesOf[dataType]
    header[name] = { dtype: dataType, shape, data_offsets: [start, end] }
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const padded = Math.ceil(json.length / 8) * 8
  const bytes = new Uint8Array(8 + padded)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true)
  bytes.fill(0x20, 8 + json.length).set(json, 8)
  return bytes
}

/** The header's size in bytes (without its own 8), from the first 8 bytes. Errors: WR_WEIGHTS_INVALID. */
export function headerSize(prefix: Uint8Array): number {
  if (prefix.length < 8) throw invalid('it is shorter than a header')
  const size = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true)
  if (size > BigInt(headerLimitBytes) || size < 2n) throw invalid(`its header claims ${size} bytes`)
  return Number(size)
}

const entrySchema = z.strictObject({
  dtype: z.enum(['F32', 'F64']),
  shape: z
    .array(
      z
        .int()
        .min(0)
        .max(2 ** 31),
    )
    .max(8),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
})
const metadataSchema = z.record(z.string(), z.string())

/** What was read last: the weights of a study have one header from round to round, and that of an update is read at the door and when it is summed. */
const recent = new Map<string, Header>()
const recentLimits = { headers: 2048, characters: 1 << 11 }

/**
 * The header of a file of `fileBytes` bytes that starts with `prefix` (at least the whole header), its tensors in the order of
 * their data. They must follow one another without gaps and fill the file. Errors: WR_WEIGHTS_INVALID.
 */
export function parseHeader(prefix: Uint8Array, fileBytes: number): Header {
  const size = headerSize(prefix)
  if (prefix.length < 8 + size) throw invalid('it ends inside its header')
  const text = readText(prefix.subarray(8, 8 + size))
  const key = `${size} ${fileBytes} ${text}`
  const known = recent.get(key)
  if (known !== undefined) return known
  const header = headerIn(text, { dataStart: 8 + size, fileBytes })
  if (recent.size >= recentLimits.headers) recent.clear()
  if (text.length <= recentLimits.characters) recent.set(key, header)
  return header
}

function headerIn(text: string, { dataStart, fileBytes }: { dataStart: number; fileBytes: number }): Header {
  const { __metadata__: metadata = {}, ...entries } = readJson(text)
  // Not the order of the header's names: JavaScript moves those that look like array indices to the front.
  const tensors = Object.entries(entries)
    .map(([name, value]) => entryOf(name, value))
    .toSorted((a, b) => a.startByte - b.startByte || a.endByte - b.endByte)
  let end = 0
  for (const { name, shape, dataType, startByte, endByte } of tensors) {
    if (startByte !== end || endByte !== end + sizeOf(shape) * bytesOf[dataType])
      throw invalid(`the place of ${name.slice(0, 60)} in the file is not its size`)
    end = endByte
  }
  if (dataStart + end !== fileBytes)
    throw invalid(`it has ${fileBytes} bytes where its header asks for ${dataStart + end}`)
  const parsedMetadata = metadataSchema.safeParse(metadata)
  if (!parsedMetadata.success) throw invalid('its metadata is malformed')
  return { tensors, dataStart, metadata: parsedMetadata.data }
}

function entryOf(name: string, value: unknown): HeaderEntry {
  const parsed = entrySchema.safeParse(value)
  if (!parsed.success) throw invalid(`its header entry ${name.slice(0, 60)} is malformed`)
  const { dtype, shape, data_offsets: offsets } = parsed.data
  return { name, shape, dataType: dtype, startByte: offsets[0], endByte: offsets[1] }
}

function readText(bytes: Uint8Array): string {
  if (bytes[0] !== 0x7b) throw invalid('its header does not start with {')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new WardroundError('WR_WEIGHTS_INVALID', { problem: 'its header is not JSON' }, { cause: error })
  }
}

function readJson(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = parseJson(text)
  } catch (error) {
    throw new WardroundError('WR_WEIGHTS_INVALID', { problem: 'its header is not JSON' }, { cause: error })
  }
  const parsed = z.record(z.string(), z.unknown()).safeParse(value)
  if (!parsed.success) throw invalid('its header is not an object')
  // Of two members of one name JSON.parse keeps the last and other readers the first: there must be as many colons as members.
  const colons = text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1
  const members = [parsed.data, ...Object.values(parsed.data)].reduce<number>(
    (sum, part) => sum + Object.keys(Object(part)).length,
    0,
  )
  if (colons !== members) throw invalid('its header names something twice, or nests too deep')
  return parsed.data
}

/** Errors: WR_WEIGHTS_SHAPE where the tensors are not exactly `specs`, as F32, in their order. */
export function checkSpecs(header: Header, specs: readonly TensorSpec[]): void {
  for (const [index, spec] of specs.entries()) {
    const found = header.tensors[index]
    if (found?.name !== spec.name)
      throw new WardroundError('WR_WEIGHTS_SHAPE', {
        tensor: spec.name,
        problem: `In its place is ${found?.name.slice(0, 60) ?? 'nothing'}.`,
      })
    if (found.dataType !== 'F32' || found.shape.join() !== spec.shape.join()) {
      const problem = `It is ${found.dataType} [${found.shape.join(', ')}] and should be F32 [${spec.shape.join(', ')}].`
      throw new WardroundError('WR_WEIGHTS_SHAPE', { tensor: spec.name, problem })
    }
  }
  const extra = header.tensors[specs.length]
  if (extra !== undefined)
    throw new WardroundError('WR_WEIGHTS_SHAPE', {
      tensor: extra.name.slice(0, 60),
      problem: 'The model has no such tensor.',
    })
}

export const weightsParts = (weights: Weights): readonly Uint8Array[] => safetensorsParts(weights)
export const encodeWeights = (weights: Weights): Uint8Array<ArrayBuffer> => encodeSafetensors(weights)

/** Weights that are exactly `specs`, in place: they change if `bytes` do. Errors: WR_WEIGHTS_INVALID, WR_WEIGHTS_SHAPE, WR_WEIGHTS_NOT_FINITE. */
export function decodeWeights(bytes: Uint8Array, specs: readonly TensorSpec[]): Weights {
  const header = parseHeader(bytes, bytes.length)
  checkSpecs(header, specs)
  return header.tensors.map((entry): NamedTensor => {
    const data = float32Of(valuesOf(bytes, header, entry))
    if (firstNotFinite(data) >= 0) throw new WardroundError('WR_WEIGHTS_NOT_FINITE', { tensor: entry.name })
    return { name: entry.name, shape: entry.shape, data }
  })
}

/** Every tensor, as Float64, whatever its type in the file: for strategy state. Errors: WR_WEIGHTS_INVALID. */
export function decodeVectors(bytes: Uint8Array): Record<string, Float64Array<ArrayBuffer>> {
  const header = parseHeader(bytes, bytes.length)
  return Object.fromEntries(
    header.tensors.map((entry) => {
      const values = valuesOf(bytes, header, entry)
      return [
        entry.name,
        entry.dataType === 'F64' ? new Float64Array(float64Of(values)) : Float64Array.from(float32Of(values)),
      ]
    }),
  )
}

const valuesOf = (bytes: Uint8Array, header: Header, entry: HeaderEntry): Uint8Array =>
  bytes.subarray(header.dataStart + entry.startByte, header.dataStart + entry.endByte)

/** Bytes as the numbers that they are: in place where they are aligned, and a copy where not. */
export function float32Of(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const aligned = bytes.byteOffset % 4 === 0 && bytes.buffer instanceof ArrayBuffer
  const { buffer, byteOffset } = aligned ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
  return new Float32Array(buffer, byteOffset, bytes.length / 4)
}

export function float64Of(bytes: Uint8Array): Float64Array<ArrayBuffer> {
  const aligned = bytes.byteOffset % 8 === 0 && bytes.buffer instanceof ArrayBuffer
  const { buffer, byteOffset } = aligned ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
  return new Float64Array(buffer, byteOffset, bytes.length / 8)
}

/** All values in model order. */
export function flatten(weights: Weights): Float32Array<ArrayBuffer> {
  const flat = new Float32Array(weights.reduce((sum, { data }) => sum + data.length, 0))
  let at = 0
  for (const { data } of weights) {
    flat.set(data, at)
    at += data.length
  }
  return flat
}

/** The inverse of flatten(), in place: the tensors change if `flat` does. Errors: WR_WEIGHTS_SHAPE. */
export function unflatten(specs: readonly TensorSpec[], flat: Float32Array<ArrayBuffer>): Weights {
  let at = 0
  const weights = specs.map(({ name, shape }): NamedTensor => {
    const data = flat.subarray(at, at + sizeOf(shape))
    at += sizeOf(shape)
    return { name, shape, data }
  })
  if (at !== flat.length)
    throw new WardroundError('WR_WEIGHTS_SHAPE', {
      tensor: 'all',
      problem: `The model has ${at} weights, and ${flat.length} are given.`,
    })
  return weights
}

const invalid = (problem: string): WardroundError => new WardroundError('WR_WEIGHTS_INVALID', { problem })
