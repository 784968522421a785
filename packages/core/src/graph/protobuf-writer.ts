/**
 * Writes Protocol Buffers (protobuf.dev/programming-guides/encoding), as far as a model file needs them. What reads them is a library; it is nineteen modules, and
 * a trainer's process, which only writes, would need a tenth more time to start.
 */

export const wireTypes = { varint: 0, lengthDelimited: 2, bit32: 5 } as const
export type WireType = (typeof wireTypes)[keyof typeof wireTypes]

export type ProtobufWriter = {
  tag(field: number, wire: WireType): ProtobufWriter
  /** Negative ones as two's complement of 64 bits. */
  varint(value: number | bigint): ProtobufWriter
  float(value: number): ProtobufWriter
  /** With their length in front. */
  bytes(value: Uint8Array): ProtobufWriter
  string(value: string): ProtobufWriter
  /** What `fill` writes, with its length in front. */
  message(fill: (writer: ProtobufWriter) => void): ProtobufWriter
  finish(): Uint8Array<ArrayBuffer>
}

const utf8 = new TextEncoder()

export function protobufWriter(): ProtobufWriter {
  let room = new Uint8Array(256)
  let length = 0
  const take = (count: number): number => {
    const at = length
    length += count
    if (length > room.length) {
      const larger = new Uint8Array(Math.max(length, 2 * room.length))
      larger.set(room.subarray(0, at))
      room = larger
    }
    return at
  }
  const put = (value: Uint8Array): void => {
    const at = take(value.length)
    room.set(value, at)
  }
  const putByte = (value: number): void => {
    const at = take(1)
    room[at] = value
  }
  const unsigned = (value: number): void => {
    let rest = value
    for (; rest > 127; rest = Math.floor(rest / 128)) putByte((rest % 128) | 128)
    putByte(rest)
  }
  const writer: ProtobufWriter = {
    tag(field, wire) {
      unsigned(field * 8 + wire)
      return writer
    },
    varint(value) {
      if (typeof value === 'number' && value >= 0) unsigned(value)
      else {
        let rest = BigInt.asUintN(64, BigInt(value))
        for (; rest > 127n; rest >>= 7n) putByte(Number(rest & 127n) | 128)
        putByte(Number(rest))
      }
      return writer
    },
    float(value) {
      const at = take(4)
      new DataView(room.buffer).setFloat32(at, value, true)
      return writer
    },
    bytes(value) {
      unsigned(value.length)
      put(value)
      return writer
    },
    string: (value) => writer.bytes(utf8.encode(value)),
    message(fill) {
      const inner = protobufWriter()
      fill(inner)
      return writer.bytes(inner.finish())
    },
    finish: () => room.slice(0, length),
  }
  return writer
}
