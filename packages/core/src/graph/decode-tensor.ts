/** TensorProto bytes → a tensor of ours. Its values are raw bytes, or numbers and texts in fields of their own. */
import { WireType } from '@bufbuild/protobuf/wire'
import { WardroundError } from '../errors.ts'
import { sizeOf } from '../weights.ts'
import { type ElementType, elementTypes, type Tensor } from './ir.ts'
import { dataTypes } from './onnx-types.ts'
import { type Budget, fields, invalid, messageUnits, readPacked, readText, safe } from './reading.ts'
import { shown } from './shown.ts'

/** Errors: WR_GRAPH_INVALID; WR_GRAPH_REFUSED for values in another file. */
export function readTensor(bytes: Uint8Array, budget: Budget): Tensor {
  budget.spend(messageUnits)
  const shape: number[] = []
  let [name, code] = ['', 0]
  let raw: Uint8Array | undefined
  let elsewhere = false
  const [floats, integers, strings]: [Float32Array[], bigint[], string[]] = [[], [], []]
  fields(bytes, budget, (field, reader, wire) => {
    if (field === 1) readPacked({ reader, wire, take: (inner) => shape.push(safe(inner.int64())) }, budget)
    else if (field === 2) code = safe(reader.int64())
    else if (field === 4) {
      budget.spend(messageUnits)
      floats.push(wire === WireType.LengthDelimited ? floatsIn(reader.bytes()) : Float32Array.of(reader.float()))
    } else if (field === 5 || field === 7)
      readPacked({ reader, wire, take: (inner) => integers.push(BigInt(inner.int64())) }, budget)
    else if (field === 6) strings.push(readText(reader, budget))
    else if (field === 8) name = reader.string()
    else if (field === 9) raw = reader.bytes()
    else if (field === 13) {
      elsewhere = true
      return false
    }
    // Whoever has pulled the values in from another file leaves a 0 here.
    else if (field === 14) elsewhere = safe(reader.int64()) !== 0 || elsewhere
    else return false
    return true
  })
  const says = `the tensor ${shown(name)}`
  if (elsewhere) throw new WardroundError('WR_GRAPH_REFUSED', { problem: `${says} keeps its values in another file` })
  const type = elementTypes.find((candidate) => dataTypes[candidate] === code)
  if (type === undefined) throw invalid(`${says} is of a type that is not supported`)
  if (shape.some((extent) => extent < 0)) throw invalid(`${says} has a negative extent`)
  return tensorOf({ name, shape, type }, { raw, floats, integers, strings })
}

/** Packed ones, in one piece: weights by the million. */
function floatsIn(bytes: Uint8Array): Float32Array {
  if (bytes.length % 4 !== 0) throw invalid('floats in it are cut short')
  return new Float32Array(Uint8Array.from(bytes).buffer)
}

function joined(pieces: readonly Float32Array[]): Float32Array {
  const [first] = pieces
  if (first !== undefined && pieces.length === 1) return first
  const all = new Float32Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

type Payload = {
  raw: Uint8Array | undefined
  floats: readonly Float32Array[]
  integers: readonly bigint[]
  strings: readonly string[]
}

function tensorOf(
  { name, shape, type }: { name: string; shape: readonly number[]; type: ElementType },
  { raw, floats, integers, strings }: Payload,
): Tensor {
  const size = sizeOf(shape)
  const fit = <T extends { length: number }>(data: T): T => {
    if (data.length !== size)
      throw invalid(`the tensor ${shown(name)} holds ${data.length} values, its shape asks for ${size}`)
    return data
  }
  /** A copy, where its numbers are aligned. */
  const rawOf = (bytesEach: number): ArrayBuffer | undefined => {
    if (raw === undefined) return undefined
    if (raw.length % bytesEach !== 0) throw invalid(`the tensor ${shown(name)} is cut short`)
    fit({ length: raw.length / bytesEach })
    return Uint8Array.from(raw).buffer
  }
  switch (type) {
    case 'float32': {
      const own = rawOf(4)
      return { name, shape, type, data: own === undefined ? fit(joined(floats)) : new Float32Array(own) }
    }
    case 'int32': {
      const own = rawOf(4)
      const data = own === undefined ? Int32Array.from(fit(integers), Number) : new Int32Array(own)
      return { name, shape, type, data }
    }
    case 'int64': {
      const own = rawOf(8)
      return { name, shape, type, data: own === undefined ? BigInt64Array.from(fit(integers)) : new BigInt64Array(own) }
    }
    case 'uint8':
    case 'bool': {
      const own = rawOf(1)
      return {
        name,
        shape,
        type,
        data: own === undefined ? Uint8Array.from(fit(integers), Number) : new Uint8Array(own),
      }
    }
    case 'string':
      return { name, shape, type, data: fit(strings) }
  }
}
