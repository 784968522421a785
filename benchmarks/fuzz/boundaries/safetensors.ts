/** safetensors files, and updates at the coordinator's door (packages/core/src/safetensors.ts, packages/coordinator/src/door.ts). */
import { memoryBlobs } from '@wardround/coordinator/blobs/memory.ts'
import { checkUpdate, requireSize } from '@wardround/coordinator/door.ts'
import { runningOf } from '@wardround/coordinator/running.ts'
import { passingValues } from '@wardround/coordinator/values.ts'
import type { ErrorCode } from '@wardround/core/errors.ts'
import type { Preparation } from '@wardround/core/preparation/schema.ts'
import { encodeUpdate } from '@wardround/core/protocol/update.ts'
import { decodeVectors, decodeWeights, encodeSafetensors, type StoredTensor } from '@wardround/core/safetensors.ts'
import fc from 'fast-check'
import { studyRow } from '../../../packages/coordinator/src/testing/rows.ts'
import { parsedPlan, specsOf, updateBytes } from '../../../packages/coordinator/src/testing/study.ts'
import { type Boundary, type Bytes, bytesOf, type Mutator, type Outcome } from '../boundary.ts'
import { jsonMutator } from '../mutate/json.ts'
import { edgeIntegers, pick } from '../mutate/numbers.ts'

/** The header's JSON, and the values behind it. */
function parts(input: Bytes): { header: unknown; data: Bytes } {
  const size = Number(new DataView(input.buffer, input.byteOffset).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(input.subarray(8, 8 + size))) as unknown
  return { header, data: input.slice(8 + size) }
}

function written(header: unknown, data: Bytes): Bytes {
  const json = bytesOf(JSON.stringify(header) ?? '')
  const size = new DataView(new ArrayBuffer(8))
  size.setBigUint64(0, BigInt(json.length), true)
  return Uint8Array.from(Buffer.concat([new Uint8Array(size.buffer), json, data]))
}

/** The header says something else; its size is right. */
const header: Mutator = (input, random, beside) => {
  let data = new Uint8Array()
  const change = jsonMutator(
    (file) => {
      const read = parts(file)
      data = read.data
      return read.header
    },
    (value) => written(value, data),
  )
  return change(input, random, beside)
}
/** The size is wrong. */
const headerSize: Mutator = (input, random) => {
  const made = input.slice()
  if (made.length >= 8) new DataView(made.buffer).setBigUint64(0, pick(random, edgeIntegers), true)
  return made
}
/** Values that no training gives. */
const values: Mutator = (input, random) => {
  const made = input.slice()
  if (made.length < 16) return made
  const value = pick(random, [Number.NaN, Number.POSITIVE_INFINITY, 3e38, 1e31, -1e31, 1e30, 5e-324, -0])
  new DataView(made.buffer).setFloat32(made.length - 4 * (1 + random.below(3)), value, true)
  return made
}

const words = ['"dtype":"F64"', '"F16"', '"BF16"', '"shape":[]', '"shape":[0]', '"data_offsets":[0,0]', '__metadata__']
const base = { mutators: [header, header, headerSize, values], words }

const name = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('output.kernel', '__metadata__', '__proto__', '0'))
const shape = fc.array(fc.nat(4), { maxLength: 4 })
const tensor = fc
  .record({ name, shape, wide: fc.boolean() })
  .map(({ name: own, shape: extents, wide }): StoredTensor => {
    const size = extents.reduce((product, extent) => product * extent, 1)
    return { name: own, shape: extents, data: wide ? new Float64Array(size) : new Float32Array(size) }
  })
const files = fc
  .tuple(
    fc.uniqueArray(tensor, { selector: ({ name: own }) => own, maxLength: 5 }),
    fc.dictionary(fc.string(), fc.string()),
  )
  .filter(([tensors]) => tensors.every(({ name: own }) => own !== '__metadata__' && own !== '__proto__'))
  .map(([tensors, metadata]) => encodeSafetensors(tensors, metadata))

const specs = [
  { name: 'hidden.kernel', shape: [2, 3] },
  { name: 'hidden.bias', shape: [3] },
]
const fitting = encodeSafetensors(
  specs.map((spec) => ({ ...spec, data: new Float32Array(spec.shape[1] === 3 ? 6 : 3) })),
)
const stored: readonly StoredTensor[] = [
  { name: 'm/0', shape: [3], data: Float64Array.of(1, 2, 3) },
  { name: '7', shape: [], data: Float32Array.of(1) },
]
const codes: readonly ErrorCode[] = ['WR_WEIGHTS_INVALID', 'WR_WEIGHTS_SHAPE', 'WR_WEIGHTS_NOT_FINITE']

/** Accepted where it holds the weights of one model. */
export const safetensors: Boundary = {
  ...base,
  name: 'safetensors',
  codes,
  seeds: [fitting, encodeSafetensors(stored, { wardround: '{}' }), encodeSafetensors([])],
  documents: files,
  sources: /packages\/core\/src\/safetensors\.ts/,
  open: () => ({
    take(input) {
      decodeVectors(input)
      decodeWeights(input, specs)
      return 'accepted'
    },
    close: () => undefined,
  }),
}

const parsed = parsedPlan()
const facts = { numExamples: fc.oneof(fc.nat(), fc.double()), measurements: fc.dictionary(fc.string(), fc.double()) }
const updates = fc
  .record(facts)
  .map((said) => encodeSafetensors(specsOf(parsed).map(zeros), { wardround: JSON.stringify(said) }))
const zeros = (spec: { name: string; shape: readonly number[] }): StoredTensor => ({
  ...spec,
  data: new Float32Array(spec.shape.reduce((product, extent) => product * extent, 1)),
})

const preparation: Preparation = {
  columns: [{ name: 'age', type: 'number', fill: 50, mean: 50, standardDeviation: 10 }],
  normalise: 'global',
  contributors: ['a'],
}

/** The same as an update of a study: what counts in a round. */
/** Of no use to anybody: values come in two pieces, and some in one. */
const passingBytes = 61

export const update: Boundary = {
  ...base,
  name: 'update',
  codes: [...codes, 'WR_BODY_TOO_LARGE'],
  seeds: [
    updateBytes(parsed, new Float32Array(7).fill(0.5)),
    encodeUpdate(
      specsOf(parsed).map((spec) => ({ ...spec, data: zeros(spec).data as Float32Array<ArrayBuffer> })),
      {
        numExamples: 1,
        measurements: { loss: 0.5 },
      },
    ),
  ],
  documents: updates,
  sources:
    /packages\/core\/src\/(?:safetensors|protocol\/update)\.ts|packages\/coordinator\/src\/(?:door|aggregate)\.ts/,
  open() {
    const blobs = memoryBlobs()
    const running = runningOf(
      studyRow('small', { plan: JSON.stringify(parsed.plan), preparation: JSON.stringify(preparation) }),
    )
    return {
      async take(input): Promise<Outcome> {
        requireSize(running, input.length)
        const update = await blobs.put(input)
        const passing = passingValues()
        for (let at = 0; at < input.length; at += passingBytes) passing.update(input.slice(at, at + passingBytes))
        const judged = (plausible: boolean): Promise<unknown> =>
          checkUpdate(running, { blobs, update, plausible }).then(
            () => undefined,
            (error: unknown) => error,
          )
        try {
          const [read, seen] = [await judged(false), await judged(passing.plausible())]
          if (String(read) !== String(seen)) throw new Error(`Read, it is ${read}; seen on its way, it is ${seen}.`)
          if (read !== undefined) throw read
          return 'accepted'
        } finally {
          await blobs.delete(update.sha256)
        }
      },
      close: () => undefined,
    }
  },
}
