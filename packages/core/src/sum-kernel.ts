/** The inner loop of weighted-sum.ts in WebAssembly. The module's memory holds a block of the sum and of the vectors that are added to it. */
import {
  type Code,
  f64x2Add,
  f64x2Mul,
  f64x2PromoteLow,
  highHalf,
  i32Add,
  i32Const,
  i32LtU,
  instantiated,
  load,
  loadSplat64,
  localGet,
  localSet,
  locals,
  localTee,
  loop,
  store,
  type WasmFunction,
} from './wasm.ts'

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
  const counts = Array.from({ length: groupLength }, (_, k) => k + 1)
  const instance = instantiated({ pages, parameters: 1, functions: counts.map(adder) })
  if (instance === undefined) return undefined
  const { buffer, functions } = instance
  const vectors = Array.from({ length: groupLength }, (_, k) => new Float32Array(buffer, vectorAt(k), blockLength))
  const adders = counts.map((count) => functions[nameOf(count)])
  return {
    sum: new Float64Array(buffer, sumAt, blockLength),
    vectors,
    coefficients: new Float64Array(buffer, coefficientsAt, groupLength),
    // Four coordinates a turn: what is behind `length` is computed and not looked at.
    add: (count, length) => adders[count - 1]?.(16 * Math.ceil(length / 4)),
  }
}

const nameOf = (count: number): string => `add${count}`

/**
 * (end: i32): where the last coordinates of a Float32 vector end. Locals: 1 where they are in such a vector, 2 where in the sum, then the
 * sums of coordinates 0, 1 and of 2, 3, then four Float32, then the coefficients, twice each.
 */
function adder(count: number): WasmFunction {
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
  return { name: nameOf(count), locals: locals(2, 3 + count), body: [...coefficients.flat(), ...loop(body, condition)] }
}
