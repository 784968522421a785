/**
 * NH, the universal hash at the bottom of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway 1999; RFC 4418, section 5.2.2), in WebAssembly: for a message of 32-bit
 * words m and a key k as long,
 *
 *     NH(k, m) = Σ ((mᵢ + kᵢ) mod 2³²)·((mᵢ₊₄ + kᵢ₊₄) mod 2³²) mod 2⁶⁴, over i = 0 … 3, 8 … 11, 16 … 19, …
 *
 * Of two different messages of one length, whoever made them without knowing the key, all but one key in 2³² make different hashes. Here its terms are
 * summed apart, those of even and of odd i, so that what is equal here is equal in NH.
 */
import {
  i32Add,
  i32Const,
  i32LtU,
  i32x4Add,
  i64x2Add,
  i64x2MulHighU,
  i64x2MulLowU,
  instantiated,
  load,
  localGet,
  localSet,
  locals,
  localTee,
  loop,
  store,
  type WasmFunction,
} from './wasm.ts'

/** What is hashed under one key. */
export const nhBlockBytes = 1 << 16
/** Messages are multiples of this. */
export const nhStepBytes = 32

export type NhKernel = {
  /** [nhBlockBytes]; the key, to be written once. */
  readonly key: Uint8Array
  /** [nhBlockBytes] */
  readonly message: Uint8Array
  /** [2 of 64 bits] */
  readonly sums: Uint8Array
  /** Adds the terms of the message's first `length` bytes, which are at `position` of their block. */
  add(length: number, position: number): void
}

/** Where things are in the memory, in bytes. */
const messageAt = 0
const keyAt = nhBlockBytes
const sumsAt = 2 * nhBlockBytes
const pages = 3

/** undefined where the platform does not take it. */
export function nhKernel(): NhKernel | undefined {
  const instance = instantiated({ pages, parameters: 2, functions: [addTerms()] })
  if (instance === undefined) return undefined
  const { buffer, functions } = instance
  return {
    key: new Uint8Array(buffer, keyAt, nhBlockBytes),
    message: new Uint8Array(buffer, messageAt, nhBlockBytes),
    sums: new Uint8Array(buffer, sumsAt, 16),
    add: (length, position) => functions.add?.(length, position),
  }
}

/** (end, key: i32): where the message ends, and where in the key it begins. Locals: where in the message, then words 0 … 3, words 4 … 7, and the sums. */
function addTerms(): WasmFunction {
  const [end, key, at, first, second, sums] = [0, 1, 2, 3, 4, 5]
  const keyed = (offset: number, into: number) => [
    ...[...localGet(at), ...load(messageAt + offset)],
    ...[...localGet(key), ...load(keyAt + offset)],
    ...[...i32x4Add, ...localSet(into)],
  ]
  const body = [
    ...keyed(0, first),
    ...keyed(16, second),
    ...[...localGet(sums), ...localGet(first), ...localGet(second), ...i64x2MulLowU, ...i64x2Add],
    ...[...localGet(first), ...localGet(second), ...i64x2MulHighU, ...i64x2Add, ...localSet(sums)],
    ...[...localGet(key), ...i32Const(nhStepBytes), ...i32Add, ...localSet(key)],
  ]
  const condition = [...localGet(at), ...i32Const(nhStepBytes), ...i32Add, ...localTee(at), ...localGet(end), ...i32LtU]
  return {
    name: 'add',
    locals: locals(1, 3),
    body: [
      ...[...i32Const(0), ...load(sumsAt), ...localSet(sums)],
      ...loop(body, condition),
      ...[...i32Const(0), ...localGet(sums), ...store(sumsAt)],
    ],
  }
}
