/** Changes of a protobuf message that keep it one: fields are dropped, doubled, moved or changed at any depth, lengths are put right. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { Random } from '@wardround/core/random.ts'
import type { Bytes, Mutator } from '../boundary.ts'
import { byteMutators } from './bytes.ts'
import { edgeIntegers, pick } from './numbers.ts'

type Field = { readonly number: number; readonly wire: WireType; readonly value: bigint | Bytes }

function fieldsOf(message: Bytes): Field[] {
  const reader = new BinaryReader(message)
  const fields: Field[] = []
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag()
    if (wire === WireType.Varint) fields.push({ number, wire, value: BigInt(reader.int64()) })
    else if (wire === WireType.LengthDelimited) fields.push({ number, wire, value: Uint8Array.from(reader.bytes()) })
    else {
      const start = reader.pos
      reader.skip(wire, number)
      fields.push({ number, wire, value: message.slice(start, reader.pos) })
    }
  }
  return fields
}

function messageOf(fields: readonly Field[]): Bytes {
  const writer = new BinaryWriter()
  for (const { number, wire, value } of fields) {
    writer.tag(number, wire)
    if (typeof value === 'bigint') writer.int64(BigInt.asIntN(64, value))
    else if (wire === WireType.LengthDelimited) writer.bytes(value)
    else writer.raw(value)
  }
  return Uint8Array.from(writer.finish())
}

/** undefined where the bytes are no message; a text may be one by chance, which does no harm. */
function tryFields(message: Bytes): Field[] | undefined {
  try {
    return fieldsOf(message)
  } catch {
    // Then it is a name or a tensor's values.
    return undefined
  }
}

function changed(message: Bytes, random: Random, beside: Parameters<Mutator>[2]): Bytes {
  const fields = tryFields(message)
  if (fields === undefined || fields.length === 0) return pick(random, byteMutators)(message, random, beside)
  const index = random.below(fields.length)
  const field = fields[index]
  if (field === undefined) return message
  const { value } = field
  // Down, most of the time: what is deep is what there is most of.
  if (value instanceof Uint8Array && value.length > 0 && random.below(5) > 0)
    return messageOf(fields.with(index, { ...field, value: changed(value, random, beside) }))
  switch (random.below(6)) {
    case 0:
      return messageOf(fields.toSpliced(index, 1))
    case 1:
      return messageOf(fields.toSpliced(index, 0, field))
    case 2:
      return messageOf(fields.toSpliced(index, 1).toSpliced(random.below(fields.length), 0, field))
    case 3:
      return messageOf(fields.with(index, { ...field, number: 1 + random.below(26) }))
    case 4:
      return messageOf(fields.with(index, pick(random, tryFields(beside.other) ?? fields)))
    default:
      return messageOf(
        fields.with(index, typeof value === 'bigint' ? { ...field, value: pick(random, edgeIntegers) } : field),
      )
  }
}

export const protobufMutator: Mutator = (input, random, beside) => changed(input, random, beside)
