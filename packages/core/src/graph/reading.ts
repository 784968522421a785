/** Fields of protobuf messages, counted: what is two bytes in a file can be hundreds in memory, and millions of them fit into a few megabytes. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { WardroundError } from '../errors.ts'

/** What may still be read of a file. */
export type Budget = { spend(units: number): void }

/**
 * For a whole file: a unit is a field, or a number that is not one of a tensor's packed floats or raw bytes. A message becomes an object with lists of its own, and is more than the field that it is
 * in. Of the models that we know the most pieces are in a DenseNet-121 that its exporter did not tidy up: a twentieth.
 */
const mostUnits = 2 ** 21
export const messageUnits = 8

/** Errors: WR_GRAPH_REFUSED where it is spent. */
export function budget(units = mostUnits): Budget {
  let left = units
  return {
    spend(units) {
      left -= units
      if (left < 0)
        throw new WardroundError('WR_GRAPH_REFUSED', { problem: 'it is made of more pieces than a model needs' })
    },
  }
}

export const invalid = (problem: string): WardroundError => new WardroundError('WR_GRAPH_INVALID', { problem })

/** Reads a model file, or part of it. Errors: WR_GRAPH_INVALID where it is cut short; those of `read`. */
export function readWhole<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof WardroundError) throw error
    throw new WardroundError(
      'WR_GRAPH_INVALID',
      { problem: 'it is cut short or is no protobuf message' },
      { cause: error },
    )
  }
}

/** Calls `read` for each field of a message; what it does not take is skipped. */
export function fields(
  bytes: Uint8Array,
  { spend }: Budget,
  read: (field: number, reader: BinaryReader, wire: WireType) => boolean,
): void {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    spend(1)
    const [field, wire] = reader.tag()
    if (!read(field, reader, wire)) reader.skip(wire, field)
  }
}

/** What is read of a field by itself, or of each of several packed into one. */
export type Packed = {
  readonly reader: BinaryReader
  readonly wire: WireType
  readonly take: (reader: BinaryReader) => unknown
}

/** Repeated numbers come one by one, or packed into one field. */
export function readPacked({ reader, wire, take }: Packed, { spend }: Budget): void {
  if (wire !== WireType.LengthDelimited) {
    take(reader)
    return
  }
  const inner = new BinaryReader(reader.bytes())
  while (inner.pos < inner.len) {
    spend(1)
    take(inner)
  }
}

/** Messages in the field `wanted` of a message that is nothing but them. */
export function nested(
  bytes: Uint8Array,
  budget: Budget,
  { wanted, read }: { wanted: number; read: (inner: Uint8Array) => unknown },
): void {
  fields(bytes, budget, (field, reader, wire) => {
    if (field !== wanted || wire !== WireType.LengthDelimited) return false
    read(reader.bytes())
    return true
  })
}

/** It is decoded strictly, which takes longer than a number. Errors: WR_GRAPH_INVALID through readWhole(). */
export function readText(reader: BinaryReader, { spend }: Budget): string {
  spend(2)
  return strict.decode(reader.bytes())
}
const strict = new TextDecoder('utf-8', { fatal: true })

/** Errors: WR_GRAPH_INVALID for a number beyond 2^53. */
export function safe(value: bigint | number | string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw invalid('a number in it is too large')
  return number
}
