/** The inner loop of weighted-sum.ts in WebAssembly. Addresses are in bytes of a workbench. */
import {
  type Code,
  f64x2Add,
  f64x2Mul,
  f64x2PromoteLow,
  forward,
  highHalf,
  i32Add,
  i32Const,
  load,
  loadSplat64,
  localGet,
  localSet,
  locals,
  loop,
  store,
  type WasmFunction,
  whileBefore,
} from './wasm.ts'
import { parts, perWorkbench } from './workbench.ts'

/** Coordinates that are added at once: with four vectors 48 KB, which a processor's nearest caches hold. */
export const blockLength = 2048
/** Vectors that are added in one pass. */
export const groupLength = 4

export type SumKernel = {
  readonly buffer: ArrayBuffer
  /** Room for what is elsewhere: a block of the sum, and of groupLength vectors. */
  readonly sum: Float64Array<ArrayBuffer>
  readonly vectors: readonly Float32Array<ArrayBuffer>[]
  /** [groupLength] */
  readonly coefficients: Float64Array<ArrayBuffer>
  /** sum ← sum + c₀·x₀ + … of the vectors that begin at these addresses; `length` is a multiple of 4. */
  add(sumAt: number, vectorsAt: readonly number[], length: number): void
}

const { coefficients: coefficientsAt, blocks: sumAt } = parts.sum
const vectorAt = (index: number): number => sumAt + 8 * blockLength + 4 * blockLength * index

const counts = Array.from({ length: groupLength }, (_, k) => k + 1)
const nameOf = (count: number): string => `add${count}`

/** undefined where the platform does not take it, and in plain memory: then there is the plain loop. */
export const sumKernelAt = perWorkbench(
  () => ({ parameters: 2 + groupLength, functions: counts.map(adder) }),
  (functions, buffer): SumKernel => {
    const adders = counts.map((count) => functions[nameOf(count)])
    return {
      buffer,
      sum: new Float64Array(buffer, sumAt, blockLength),
      vectors: counts.map((_, k) => new Float32Array(buffer, vectorAt(k), blockLength)),
      coefficients: new Float64Array(buffer, coefficientsAt, groupLength),
      add: (sumAt, vectorsAt, length) => adders[vectorsAt.length - 1]?.(sumAt, 4 * length, ...vectorsAt),
    }
  },
)

/**
 * (sum, bytes, x₀, x₁, x₂, x₃: i32): where the sum begins, how long each Float32 vector is, and where they begin. Locals: how far we are in a vector, then the sums of
 * coordinates 0, 1 and of 2, 3, then four Float32, then the coefficients, twice each.
 */
function adder(count: number): WasmFunction {
  const [sum, bytes, firstVector] = [0, 1, 2]
  const at = firstVector + groupLength
  const [low, high, four, first] = [at + 1, at + 2, at + 3, at + 4]
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
      ...[...localGet(firstVector + k), ...localGet(at), ...i32Add, ...load(0), ...localSet(four)],
      ...[...localGet(low), ...scaled(k, localGet(four)), ...f64x2Add, ...localSet(low)],
      ...[...localGet(high), ...scaled(k, highHalf(localGet(four))), ...f64x2Add, ...localSet(high)],
    ],
  )
  const body: Code = [
    ...[...localGet(sum), ...load(0), ...localSet(low)],
    ...[...localGet(sum), ...load(16), ...localSet(high)],
    ...terms.flat(),
    ...[...localGet(sum), ...localGet(low), ...store(0)],
    ...[...localGet(sum), ...localGet(high), ...store(16)],
    ...forward(sum, 32),
  ]
  const condition = whileBefore(at, 16, bytes)
  const coefficients = Array.from(
    { length: count },
    (_, k): Code => [...i32Const(0), ...loadSplat64(coefficientsAt + 8 * k), ...localSet(coefficient(k))],
  )
  return { name: nameOf(count), locals: locals(1, 3 + count), body: [...coefficients.flat(), ...loop(body, condition)] }
}
