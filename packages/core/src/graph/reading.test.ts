/** A file is not read further than a model needs, and numbers of a tensor come in any of protobuf's ways. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { type ErrorCode, WardroundError } from '../errors.ts'
import { decodeModel } from './decode-model.ts'
import { surveyModel } from './inspect/survey.ts'
import { budget } from './reading.ts'

const { LengthDelimited, Varint, Bit32 } = WireType
const message = (write: (to: BinaryWriter) => unknown): Uint8Array => {
  const writer = new BinaryWriter()
  write(writer)
  return writer.finish()
}
const field = (number: number, body: Uint8Array): Uint8Array =>
  message((to) => to.tag(number, LengthDelimited).bytes(body))
const again = (piece: Uint8Array, count: number): Uint8Array => Buffer.alloc(piece.length * count, piece)
/** ModelProto.graph. */
const inGraph = (body: Uint8Array): Uint8Array => field(7, body)
/** GraphProto.initializer, of an element type and a number of values. */
const tensor = (type: number, count: number, write: (to: BinaryWriter) => unknown): Uint8Array =>
  inGraph(
    field(
      5,
      message((to) => write(to.tag(1, Varint).int64(count).tag(2, Varint).int32(type))),
    ),
  )

const ends = (read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): ErrorCode | undefined => {
  try {
    read(bytes)
    return undefined
  } catch (error) {
    assert.ok(error instanceof WardroundError, String(error))
    return error.code
  }
}

const emptyNode = field(1, new Uint8Array())

/** What a model of so many pieces is made of; each piece is counted. */
const pieces: Readonly<Record<string, (count: number) => Uint8Array>> = {
  nodes: (count) => inGraph(again(emptyNode, count)),
  'nodes in branches': (count) => inGraph(field(1, field(5, field(6, again(emptyNode, count))))),
  names: (count) => inGraph(field(1, again(field(1, new Uint8Array()), count))),
  attributes: (count) =>
    inGraph(
      field(
        1,
        again(
          field(
            5,
            message((to) => to.tag(20, Varint).int32(2)),
          ),
          count,
        ),
      ),
    ),
  numbers: (count) =>
    inGraph(
      field(
        1,
        field(
          5,
          message((to) => to.tag(8, LengthDelimited).bytes(again(Uint8Array.of(1), count))),
        ),
      ),
    ),
  texts: (count) => inGraph(field(1, field(5, again(field(9, new Uint8Array()), count)))),
  tensors: (count) =>
    inGraph(
      again(
        field(
          5,
          message((to) => to.tag(1, Varint).int64(0).tag(2, Varint).int32(1)),
        ),
        count,
      ),
    ),
  axes: (count) => tensor(1, 1, (to) => to.tag(1, LengthDelimited).bytes(again(Uint8Array.of(1), count))),
  integers: (count) => tensor(7, count, (to) => to.tag(7, LengthDelimited).bytes(again(Uint8Array.of(1), count))),
  'texts of a tensor': (count) => tensor(8, count, (to) => to.raw(again(field(6, new Uint8Array()), count))),
  inputs: (count) =>
    inGraph(
      again(
        field(
          11,
          field(
            2,
            field(
              1,
              message((to) => to.tag(1, Varint).int32(1).tag(2, LengthDelimited).bytes(new Uint8Array())),
            ),
          ),
        ),
        count,
      ),
    ),
  'extents of an input': (count) =>
    inGraph(field(11, field(2, field(1, field(2, again(field(1, new Uint8Array()), count)))))),
  notes: (count) => again(field(14, new Uint8Array()), count),
  'operator sets': (count) => again(field(8, new Uint8Array()), count),
  'unknown fields': (count) =>
    again(
      message((to) => to.tag(99, Varint).int32(1)),
      count,
    ),
}

test('whatever a file has many of, it is refused where there is too much of it', () => {
  for (const [what, of] of Object.entries(pieces)) {
    assert.equal(
      ends((bytes) => decodeModel(bytes, budget(500)), of(1000)),
      'WR_GRAPH_REFUSED',
      what,
    )
    assert.notEqual(
      ends((bytes) => decodeModel(bytes, budget(500)), of(5)),
      'WR_GRAPH_REFUSED',
      what,
    )
  }
  // What is only looked at is the structure.
  for (const what of ['nodes', 'nodes in branches', 'names', 'tensors', 'inputs', 'operator sets', 'unknown fields'])
    assert.equal(
      ends((bytes) => surveyModel(bytes, budget(500)), pieces[what]?.(1000) ?? assert.fail(what)),
      'WR_GRAPH_REFUSED',
      what,
    )
})

/** Those of which each becomes an object. */
const messages = [
  'nodes',
  'nodes in branches',
  'attributes',
  'tensors',
  'inputs',
  'extents of an input',
  'notes',
  'operator sets',
]

test('a message counts for more than the field that it is in, and floats for nothing', () => {
  for (const [what, of] of Object.entries(pieces)) {
    const code = ends((bytes) => decodeModel(bytes, budget(1500)), of(300))
    assert.equal(code === 'WR_GRAPH_REFUSED', messages.includes(what), what)
  }
  const floats = tensor(1, 1000, (to) => to.tag(4, LengthDelimited).bytes(new Uint8Array(4000)))
  assert.equal(decodeModel(floats, budget(500)).graph.initializers[0]?.data.length, 1000)
})

test('a large model has room, and one of 2^18 nodes does not', () => {
  assert.equal(decodeModel(inGraph(again(emptyNode, 50_000))).graph.nodes.length, 50_000)
  for (const read of [decodeModel, surveyModel])
    assert.equal(
      ends((bytes) => read(bytes), inGraph(again(emptyNode, 2 ** 18))),
      'WR_GRAPH_REFUSED',
    )
})

test('floats come packed, in several packs, one by one, or in turns', () => {
  const numbers = Float32Array.of(1, -2.5, 3, Number.POSITIVE_INFINITY, 0)
  const packed = (from: number, to: number) => (writer: BinaryWriter) =>
    writer.tag(4, LengthDelimited).bytes(new Uint8Array(numbers.slice(from, to).buffer))
  const single = (index: number) => (writer: BinaryWriter) => writer.tag(4, Bit32).float(numbers[index] ?? 0)
  const ways: readonly (readonly ((writer: BinaryWriter) => BinaryWriter)[])[] = [
    [packed(0, 5)],
    [packed(0, 2), packed(2, 5)],
    [0, 1, 2, 3, 4].map(single),
    [single(0), packed(1, 3), single(3), packed(4, 5)],
  ]
  for (const way of ways) {
    const bytes = tensor(1, 5, (to) => way.reduce((writer, write) => write(writer), to))
    assert.deepEqual(decodeModel(bytes).graph.initializers[0]?.data, numbers)
  }
  const cut = tensor(1, 1, (to) => to.tag(4, LengthDelimited).bytes(new Uint8Array(5)))
  assert.equal(ends(decodeModel, cut), 'WR_GRAPH_INVALID')
})
