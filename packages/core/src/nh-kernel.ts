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
  forward,
  i32Const,
  i32x4Add,
  i64x2Add,
  i64x2MulHighU,
  i64x2MulLowU,
  load,
  localGet,
  localSet,
  locals,
  loop,
  store,
  type WasmFunction,
  whileBefore,
} from './wasm.ts'
import { parts, perWorkbench } from './workbench.ts'

/** What is hashed under one key. */
export const nhBlockBytes = 1 << 16
/** Messages are multiples of this. */
export const nhStepBytes = 32

/** Addresses are in bytes of a workbench. */
export type NhKernel = {
  readonly buffer: ArrayBuffer
  /** [nhBlockBytes]: to be hashed under from now on. It is known again by where it is, and may not change. */
  use(key: Uint8Array): void
  /** [nhBlockBytes]: room for what is elsewhere. */
  readonly message: Uint8Array<ArrayBuffer>
  /** [2 of 64 bits] */
  readonly sums: Uint8Array<ArrayBuffer>
  /** Adds the terms of `length` bytes that begin at an address, and are at `position` of their block. */
  add(messageAt: number, length: number, position: number): void
}

const { message: messageAt, key: keyAt, sums: sumsAt } = parts.nh

/** undefined where the platform does not take it, and in plain memory. */
export const nhKernelAt = perWorkbench(
  () => ({ parameters: 3, functions: [addTerms()] }),
  (functions, buffer): NhKernel => {
    const place = new Uint8Array(buffer, keyAt, nhBlockBytes)
    let used: Uint8Array | undefined
    return {
      buffer,
      use(key) {
        if (used !== key) place.set(key)
        used = key
      },
      message: new Uint8Array(buffer, messageAt, nhBlockBytes),
      sums: new Uint8Array(buffer, sumsAt, 16),
      add: (at, length, position) => functions.add?.(at, at + length, position),
    }
  },
)

/** (at, end, key: i32): where the message begins and ends, and where in the key it begins. Locals: words 0 … 3, words 4 … 7, and the sums. */
function addTerms(): WasmFunction {
  const [at, end, key, first, second, sums] = [0, 1, 2, 3, 4, 5]
  const keyed = (offset: number, into: number) => [
    ...[...localGet(at), ...load(offset)],
    ...[...localGet(key), ...load(keyAt + offset)],
    ...[...i32x4Add, ...localSet(into)],
  ]
  const body = [
    ...keyed(0, first),
    ...keyed(16, second),
    ...[...localGet(sums), ...localGet(first), ...localGet(second), ...i64x2MulLowU, ...i64x2Add],
    ...[...localGet(first), ...localGet(second), ...i64x2MulHighU, ...i64x2Add, ...localSet(sums)],
    ...forward(key, nhStepBytes),
  ]
  const condition = whileBefore(at, nhStepBytes, end)
  return {
    name: 'add',
    locals: locals(0, 3),
    body: [
      ...[...i32Const(0), ...load(sumsAt), ...localSet(sums)],
      ...loop(body, condition),
      ...[...i32Const(0), ...localGet(sums), ...store(sumsAt)],
    ],
  }
}
