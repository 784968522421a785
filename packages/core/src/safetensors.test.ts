import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ErrorCode, WardroundError } from './errors.ts'
// Files written by the Python package; fixtures/make_safetensors.py says how.
import fixture from './fixtures/safetensors.json' with { type: 'json' }
import {
  checkSpecs,
  decodeVectors,
  decodeWeights,
  encodeSafetensors,
  encodeWeights,
  flatten,
  float64Of,
  headerLimitBytes,
  headerSize,
  parseHeader,
  type StoredTensor,
  unflatten,
} from './safetensors.ts'
import { type NamedTensor, sizeOf } from './weights.ts'

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.fromBase64(base64)
const coded = (code: ErrorCode) => (error: unknown) => error instanceof WardroundError && error.code === code
const refused = (bytes: Uint8Array, code: ErrorCode = 'WR_WEIGHTS_INVALID') =>
  assert.throws(() => parseHeader(bytes, bytes.length), coded(code))

/** A file with any text as its header, before `data` zero bytes. */
function fileOf(header: string, data = 0): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(header)
  const bytes = new Uint8Array(8 + text.length + data)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true)
  bytes.set(text, 8)
  return bytes
}

const tensorArbitrary = fc
  .tuple(fc.string({ maxLength: 12 }), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }))
  // Names like array indices, and reserved ones, have a test of their own.
  .filter(([name]) => !/^\d+$/.test(name) && name !== '__metadata__' && name !== '__proto__')
  .chain(([name, shape]) =>
    fc
      .array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
      .map((values): NamedTensor => ({ name, shape, data: Float32Array.from(values) })),
  )
const weightsArbitrary = fc.uniqueArray(tensorArbitrary, { maxLength: 5, selector: ({ name }) => name })

test('a file is exactly what the Python package writes, where the order of tensors is its own', () => {
  for (const name of ['f32', 'f64'] as const) {
    const { bytes, tensors } = fixture.files[name]
    const stored = tensors.map(
      ({ name, shape, dtype, values }): StoredTensor => ({
        name,
        shape,
        data: dtype === 'F32' ? Float32Array.from(values) : Float64Array.from(values),
      }),
    )
    assert.deepEqual(encodeSafetensors(stored), bytesOf(bytes))
  }
})

test('files of the Python package are read, to the bit', () => {
  for (const { bytes, tensors } of Object.values(fixture.files)) {
    const vectors = decodeVectors(bytesOf(bytes))
    assert.deepEqual(Object.keys(vectors).toSorted(), tensors.map(({ name }) => name).toSorted())
    for (const { name, dtype, values } of tensors)
      assert.deepEqual(
        vectors[name],
        Float64Array.from(values, (value) => (dtype === 'F32' ? Math.fround(value) : value)),
      )
  }
  const { metadata } = parseHeader(bytesOf(fixture.withMetadata), bytesOf(fixture.withMetadata).length)
  assert.deepEqual({ ...metadata }, { format: 'np' })
  for (const bytes of Object.values(fixture.unknownTypes)) refused(bytesOf(bytes))
})

test('weights come back to the bit, negative zero included, and the same weights have the same bytes', () => {
  fc.assert(
    fc.property(weightsArbitrary, (weights) => {
      const bytes = encodeWeights(weights)
      assert.deepEqual(decodeWeights(bytes, weights), weights)
      assert.deepEqual(encodeWeights(decodeWeights(bytes, weights)), bytes)
      assert.equal(parseHeader(bytes, bytes.length).dataStart % 8, 0)
      // Digests compare what a hospital compares.
      const digest = (of: Uint8Array): string => createHash('sha256').update(of).digest('hex')
      assert.equal(digest(encodeWeights(structuredClone(weights))), digest(bytes))
    }),
  )
})

test('doubles come back to the bit', () => {
  fc.assert(
    fc.property(fc.array(fc.double()), fc.array(fc.double()), (a, b) => {
      const vectors = { first: Float64Array.from(a), second: Float64Array.from(b) }
      const stored = Object.entries(vectors).map(([name, data]) => ({ name, shape: [data.length], data }))
      assert.deepEqual(decodeVectors(encodeSafetensors(stored)), vectors)
    }),
  )
})

test('the data section is the flat vector in model order, and unflatten undoes flatten', () => {
  fc.assert(
    fc.property(weightsArbitrary, (weights) => {
      const flat = flatten(weights)
      const bytes = encodeWeights(weights)
      assert.deepEqual(new Float32Array(bytes.slice(parseHeader(bytes, bytes.length).dataStart).buffer), flat)
      assert.deepEqual(unflatten(weights, flat), weights)
      assert.throws(() => unflatten(weights, new Float32Array(flat.length + 1)), coded('WR_WEIGHTS_SHAPE'))
      if (flat.length > 0) assert.throws(() => unflatten(weights, flat.subarray(1)), coded('WR_WEIGHTS_SHAPE'))
    }),
  )
})

test('weights are the same wherever their bytes lie, aligned or not', () => {
  fc.assert(
    fc.property(weightsArbitrary, fc.integer({ min: 0, max: 9 }), (weights, offset) => {
      const bytes = encodeWeights(weights)
      const shifted = new Uint8Array(bytes.length + offset)
      shifted.set(bytes, offset)
      assert.deepEqual(decodeWeights(shifted.subarray(offset), weights), weights)
    }),
  )
  const numbers = Float64Array.of(0.1, -2)
  const shifted = new Uint8Array(19)
  shifted.set(new Uint8Array(numbers.buffer), 3)
  assert.deepEqual(float64Of(shifted.subarray(3)), numbers)
  assert.deepEqual(float64Of(new Uint8Array(numbers.buffer)), numbers)
})

test('a header that is known is the same, of a file of that size alone', () => {
  const bytes = encodeSafetensors([{ name: 'w', shape: [2], data: Float32Array.of(1, 2) }], { round: '7' })
  const other = encodeSafetensors([{ name: 'w', shape: [2], data: Float32Array.of(1, 2) }], { round: '8' })
  const header = parseHeader(bytes, bytes.length)
  assert.equal(parseHeader(bytes.slice(), bytes.length), header)
  assert.deepEqual([header.metadata, parseHeader(other, other.length).metadata], [{ round: '7' }, { round: '8' }])
  assert.throws(() => parseHeader(bytes, bytes.length + 4), coded('WR_WEIGHTS_INVALID'))
  assert.equal(parseHeader(bytes, bytes.length), header)
})

test('the header can be read from a prefix of the file, wherever the bytes lie in their buffer', () => {
  const bytes = encodeWeights([{ name: 'w', shape: [1000], data: new Float32Array(1000) }])
  const shifted = new Uint8Array(bytes.length + 3)
  shifted.set(bytes, 3)
  const { dataStart } = parseHeader(bytes, bytes.length)
  assert.deepEqual(parseHeader(shifted.subarray(3, 3 + dataStart), bytes.length), parseHeader(bytes, bytes.length))
  assert.throws(() => parseHeader(bytes.subarray(0, dataStart - 1), bytes.length), coded('WR_WEIGHTS_INVALID'))
})

test('a header that claims 2^63 bytes, or too many, is refused from its first 8 bytes', () => {
  for (const claim of [2n ** 63n, 2n ** 64n - 1n, BigInt(headerLimitBytes) + 1n, 0n, 1n]) {
    const prefix = new Uint8Array(8)
    new DataView(prefix.buffer).setBigUint64(0, claim, true)
    assert.throws(() => headerSize(prefix), coded('WR_WEIGHTS_INVALID'))
  }
  for (let length = 0; length < 8; length++) refused(new Uint8Array(length))
})

test('a header that does not describe its file is refused', () => {
  const entry = (changes: Record<string, unknown> = {}) => ({
    dtype: 'F32',
    shape: [2],
    data_offsets: [0, 8],
    ...changes,
  })
  const file = (header: Record<string, unknown>, data = 8) => fileOf(JSON.stringify(header), data)
  // The one that is right, so that each refusal below has one cause.
  assert.equal(parseHeader(file({ w: entry() }), file({ w: entry() }).length).tensors.length, 1)
  for (const changes of [
    { dtype: 'F16' },
    { dtype: 'f32' },
    { shape: [3] },
    { shape: [-2] },
    { shape: [1.5] },
    { shape: [2 ** 31, 2 ** 31, 2 ** 31] },
    { shape: new Array(9).fill(1) },
    { data_offsets: [0, 12] },
    { data_offsets: [8, 0] },
    { data_offsets: [4, 12] },
    { data_offsets: [4, 8] },
    { data_offsets: [0, 8, 8] },
    { data_offsets: [0, 2 ** 60] },
    { extra: 1 },
  ])
    refused(file({ w: entry(changes) }))
  refused(file({ w: entry() }, 7))
  refused(file({ w: entry() }, 9))
  // A gap between two tensors, and two over the same bytes.
  refused(file({ a: entry(), b: entry({ data_offsets: [12, 20] }) }, 20))
  refused(file({ a: entry(), b: entry() }))
  refused(file({ __metadata__: { a: 1 }, w: entry() }))
  refused(file({ __metadata__: null, w: entry() }))
})

test('a header that readers could understand differently is refused', () => {
  const entry = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
  const length = (text: string) => parseHeader(fileOf(text, 4), fileOf(text, 4).length).tensors.length
  assert.equal(length(`{"w":${entry}}   `), 1)
  // A colon and a quote inside a name are no members.
  assert.equal(length(`{"a:\\":b":${entry}}`), 1)
  // The format forbids duplicate names: a reader may take the first or the last.
  refused(fileOf(`{"w":${entry},"w":${entry}}`, 4))
  refused(fileOf(`{"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"w":${entry}}`, 4))
  refused(fileOf(`{"w":{"dtype":"F64","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
  // "The header data MUST begin with a { character": no byte order mark, no blank.
  refused(fileOf(` {"w":${entry}}`, 4))
  refused(fileOf(`\uFEFF{"w":${entry}}`, 4))
  refused(fileOf(`[${entry}]`, 4))
  refused(fileOf(`{"__proto__":${entry}}`, 0))
  refused(Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff))
  // As large as a header may be: very deep, and one very long name.
  const depth = headerLimitBytes / 2 - 10
  refused(fileOf(`{"w":${'['.repeat(depth)}${']'.repeat(depth)}}`))
  refused(fileOf(`{"w":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`))
  assert.equal(length(`{"${'\\n:'.repeat(300_000)}":${entry}}`), 1)
})

test('weights of another model are refused, naming the tensor', () => {
  const a: NamedTensor = { name: 'a', shape: [2], data: Float32Array.of(1, 2) }
  const b: NamedTensor = { name: 'b', shape: [1, 2], data: Float32Array.of(3, 4) }
  const weights = [a, b]
  const refusedFor = (stored: readonly StoredTensor[], tensor: string) =>
    assert.throws(
      () => decodeWeights(encodeSafetensors(stored), weights),
      (error) =>
        error instanceof WardroundError && error.code === 'WR_WEIGHTS_SHAPE' && error.parameters.tensor === tensor,
    )
  refusedFor([a], 'b')
  refusedFor([b, a], 'a')
  refusedFor([a, b, { ...a, name: 'c' }], 'c')
  refusedFor([a, { ...b, shape: [2, 1] }], 'b')
  refusedFor([a, { ...b, shape: [2] }], 'b')
  refusedFor([{ ...a, data: Float64Array.of(1, 2) }, b], 'a')
  checkSpecs(parseHeader(encodeWeights(weights), encodeWeights(weights).length), weights)
})

test('NaN and infinity are refused, naming the tensor', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const weights = [
      { name: 'a', shape: [1], data: Float32Array.of(1) },
      { name: 'b', shape: [3], data: Float32Array.of(1, 2, value) },
    ]
    assert.throws(
      () => decodeWeights(encodeWeights(weights), weights),
      (error) =>
        error instanceof WardroundError && error.code === 'WR_WEIGHTS_NOT_FINITE' && error.parameters.tensor === 'b',
    )
  }
})

test('data that does not fill its shape is not written', () => {
  assert.throws(
    () => encodeSafetensors([{ name: 'w', shape: [3], data: new Float32Array(2) }]),
    coded('WR_WEIGHTS_INVALID'),
  )
})

test('names that JavaScript objects treat specially are kept in order, or refused when written', () => {
  const named = (names: readonly string[]) =>
    names.map((name, index) => ({ name, shape: [1], data: Float32Array.of(index) }))
  for (const names of [
    ['10', '9'],
    ['b', '1'],
    ['constructor', 'toString'],
  ])
    assert.deepEqual(decodeWeights(encodeWeights(named(names)), named(names)), named(names))
  for (const names of [['__proto__'], ['__metadata__'], ['a', 'a']])
    assert.throws(() => encodeWeights(named(names)), coded('WR_WEIGHTS_INVALID'))
})

test('damaged files only ever give coded errors', () => {
  const files = Object.values(fixture.files).map(({ bytes }) => bytesOf(bytes))
  const place = fc.nat({ max: 400 })
  const change = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at: place, byte: fc.integer({ min: 0, max: 255 }) }),
    fc.record({ kind: fc.constant('cut' as const), at: place, byte: fc.constant(0) }),
    fc.record({ kind: fc.constant('insert' as const), at: place, byte: fc.integer({ min: 0x20, max: 0x7e }) }),
  )
  let accepted = 0
  fc.assert(
    fc.property(fc.constantFrom(...files), fc.array(change, { minLength: 1, maxLength: 4 }), (file, changes) => {
      let bytes = Uint8Array.from(file)
      for (const { kind, at, byte } of changes) {
        const index = at % Math.max(1, bytes.length)
        if (kind === 'set') bytes[index] = byte
        else if (kind === 'cut') bytes = bytes.slice(0, index)
        else bytes = Uint8Array.of(...bytes.subarray(0, index), byte, ...bytes.subarray(index))
      }
      try {
        decodeVectors(bytes)
        decodeWeights(bytes, fixture.files.f32.tensors)
        accepted++
      } catch (error) {
        assert.ok(error instanceof WardroundError && error.code.startsWith('WR_WEIGHTS_'), String(error))
      }
    }),
    { numRuns: 2000 },
  )
  // Some changes fall into the values and leave a good file: the loop did reach the end.
  assert.ok(accepted > 0)
})
