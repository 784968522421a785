/**
 * The inner loop of weighted-sum.ts in WebAssembly (core specification 2.0, with the SIMD instructions of its section 4.4.3), put together instruction by
 * instruction. The module has a memory of its own, which holds a block of the sum and of the vectors that are added to it.
 */

/** Coordinates that are in the memory at once: with four vectors 48 KB, which a processor's nearest caches hold. */
export const blockLength = 2048
/** Vectors that are added in one pass. */
export const groupLength = 4

export type SumKernel = {
  /** [blockLength] */
  readonly sum: Float64Array
  /** groupLength of [blockLength] */
  readonly vectors: readonly Float32Array[]
  /** [groupLength] */
  readonly coefficients: Float64Array
  /** sum ← sum + c₀·x₀ + … of the first `count` vectors, for the first `length` coordinates. */
  add(count: number, length: number): void
}

/** Where things are in the memory, in bytes. */
const sumAt = 0
const coefficientsAt = sumAt + 8 * blockLength
const vectorAt = (index: number): number => coefficientsAt + 8 * groupLength + 4 * blockLength * index
const pages = Math.ceil(vectorAt(groupLength) / 65_536)

/** undefined where the platform does not take it: then there is the plain loop. */
export function sumKernel(): SumKernel | undefined {
  const instance = instantiated()
  if (instance === undefined) return undefined
  const { memory, ...functions } = instance.exports
  if (!(memory instanceof WebAssembly.Memory)) return undefined
  const { buffer } = memory
  const vectors = Array.from({ length: groupLength }, (_, k) => new Float32Array(buffer, vectorAt(k), blockLength))
  const adders = Array.from({ length: groupLength }, (_, k) => functions[nameOf(k + 1)] as (bytes: number) => void)
  return {
    sum: new Float64Array(buffer, sumAt, blockLength),
    vectors,
    coefficients: new Float64Array(buffer, coefficientsAt, groupLength),
    // Four coordinates a turn: what is behind `length` is computed and not looked at.
    add: (count, length) => adders[count - 1]?.(16 * Math.ceil(length / 4)),
  }
}

function instantiated(): WebAssembly.Instance | undefined {
  try {
    const bytes = moduleBytes()
    return WebAssembly.validate(bytes) ? new WebAssembly.Instance(new WebAssembly.Module(bytes)) : undefined
  } catch {
    // A platform without WebAssembly, or whose policy forbids it.
    return undefined
  }
}

const nameOf = (count: number): string => `add${count}`

// ---- instructions (section 5.4) ----

type Code = readonly number[]

/** Unsigned LEB128 (section 5.2.2). */
function unsigned(value: number): Code {
  const low = value & 0x7f
  return value < 0x80 ? [low] : [low | 0x80, ...unsigned(value >>> 7)]
}
/** Signed LEB128. */
function signed(value: number): Code {
  const low = value & 0x7f
  const rest = value >> 7
  const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)
  return done ? [low] : [low | 0x80, ...signed(rest)]
}
const simd = (opcode: number): Code => [0xfd, ...unsigned(opcode)]
const localGet = (index: number): Code => [0x20, index]
const localSet = (index: number): Code => [0x21, index]
const localTee = (index: number): Code => [0x22, index]
const i32Const = (value: number): Code => [0x41, ...signed(value)]
const i32Add: Code = [0x6a]
const i32LtU: Code = [0x49]
/** Alignment is a hint; `offset` is added to the address on the stack. */
const load = (offset: number): Code => [...simd(0), 4, ...unsigned(offset)]
const store = (offset: number): Code => [...simd(11), 4, ...unsigned(offset)]
const loadSplat64 = (offset: number): Code => [...simd(10), 3, ...unsigned(offset)]
/** Lanes 2 and 3 of a vector as lanes 0 and 1. */
const highHalf = (vector: Code): Code => [
  ...vector,
  ...vector,
  ...simd(13),
  ...[8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15],
]
const f64x2PromoteLow = simd(95)
const f64x2Add = simd(240)
const f64x2Mul = simd(242)
/** do { body } while (condition) */
const loop = (body: Code, condition: Code): Code => [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b]

/**
 * (end: i32): where the last coordinates of a Float32 vector end. Locals: 1 where they are in such a vector, 2 where in the sum, then the
 * sums of coordinates 0, 1 and of 2, 3, then four Float32, then the coefficients, twice each.
 */
function adder(count: number): Code {
  const [end, at, atSum, low, high, four, first] = [0, 1, 2, 3, 4, 5, 6]
  const coefficient = (k: number): number => first + k
  const scaled = (k: number, half: Code): Code => [
    ...half,
    ...f64x2PromoteLow,
    ...localGet(coefficient(k)),
    ...f64x2Mul,
  ]
  const terms = Array.from(
    { length: count },
    (_, k): Code => [
      ...localGet(at),
      ...load(vectorAt(k)),
      ...localSet(four),
      ...[...localGet(low), ...scaled(k, localGet(four)), ...f64x2Add, ...localSet(low)],
      ...[...localGet(high), ...scaled(k, highHalf(localGet(four))), ...f64x2Add, ...localSet(high)],
    ],
  )
  const body: Code = [
    ...[...localGet(atSum), ...load(sumAt), ...localSet(low)],
    ...[...localGet(atSum), ...load(sumAt + 16), ...localSet(high)],
    ...terms.flat(),
    ...[...localGet(atSum), ...localGet(low), ...store(sumAt)],
    ...[...localGet(atSum), ...localGet(high), ...store(sumAt + 16)],
    ...[...localGet(atSum), ...i32Const(32), ...i32Add, ...localSet(atSum)],
  ]
  const condition = [...localGet(at), ...i32Const(16), ...i32Add, ...localTee(at), ...localGet(end), ...i32LtU]
  const coefficients = Array.from(
    { length: count },
    (_, k): Code => [...i32Const(0), ...loadSplat64(coefficientsAt + 8 * k), ...localSet(coefficient(k))],
  )
  // Two locals of type i32 (0x7f), the rest of type v128 (0x7b).
  const locals = [2, 2, 0x7f, 3 + count, 0x7b]
  return [...locals, ...coefficients.flat(), ...loop(body, condition), 0x0b]
}

// ---- the module (section 5.5) ----

const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()]
const sized = (code: Code): Code => [...unsigned(code.length), ...code]
const section = (id: number, items: readonly Code[]): Code => [id, ...sized(vector(items))]
const named = (name: string): Code => sized([...new TextEncoder().encode(name)])

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const counts = Array.from({ length: groupLength }, (_, k) => k + 1)
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // One type: (i32) → ().
    ...section(1, [[0x60, 1, 0x7f, 0]]),
    ...section(
      3,
      counts.map(() => [0]),
    ),
    // Of exactly so many pages.
    ...section(5, [[1, pages, pages]]),
    ...section(7, [[...named('memory'), 2, 0], ...counts.map((count, index) => [...named(nameOf(count)), 0, index])]),
    ...section(
      10,
      counts.map((count) => sized(adder(count))),
    ),
  ])
}
