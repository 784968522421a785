/** Read by the library that reads model files. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import { protobufWriter, wireTypes } from './protobuf-writer.ts'
import { drawn } from './testing/draws.ts'

test('numbers, bytes and texts are read as they were written', () => {
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  const parts = fc.tuple(
    int64,
    fc.maxSafeInteger(),
    fc.float({ noNaN: true }),
    fc.uint8Array({ maxLength: 600 }),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 4 }), fc.integer({ min: 1, max: 2 ** 29 - 1 }), (all, field) => {
      const bytes = protobufWriter()
        .message((writer) => {
          for (const [large, whole, float, data, text] of all)
            writer.tag(field, wireTypes.varint).varint(large).varint(whole).float(float).bytes(data).string(text)
        })
        .finish()
      const outer = new BinaryReader(bytes)
      const reader = new BinaryReader(outer.bytes())
      assert.equal(outer.pos, outer.len)
      for (const [large, whole, float, data, text] of all) {
        assert.deepEqual(reader.tag(), [field, wireTypes.varint])
        assert.deepEqual([BigInt(reader.int64()), Number(reader.int64())], [large, whole])
        assert.deepEqual([reader.float(), reader.bytes(), reader.string()], [float, new Uint8Array(data), text])
      }
      assert.equal(reader.pos, reader.len)
    }),
    drawn(),
  )
})
