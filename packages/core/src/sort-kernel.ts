/** The inner loops of sorted-rows.ts in WebAssembly. Addresses are in bytes of a workbench; lengths are multiples of 16 bytes. */
import {
  forward,
  i32Add,
  i32Const,
  i32Load,
  i32x4MaxS,
  i32x4MinS,
  i32x4ShrS,
  i32x4ShrU,
  load,
  localGet,
  localSet,
  locals,
  localTee,
  loop,
  store,
  v128Xor,
  type WasmFunction,
  whileBefore,
} from './wasm.ts'
import { perWorkbench } from './workbench.ts'

export type SortKernel = {
  /** Float32 values into integers that are in the order of the values, −0 before 0; and these back into the values. Of values that are not NaN. */
  flip(at: number, sizeBytes: number): void
  /** For each pair of addresses, 4 bytes each, one after the other: the smaller of each two integers of two rows goes into the first row, the larger into the second. */
  exchange(pairs: { readonly at: number; readonly sizeBytes: number }, rowBytes: number): void
}

/** undefined where the platform does not take it, and in plain memory. */
export const sortKernelAt = perWorkbench(
  () => ({ parameters: 3, functions: [flip(), exchange()] }),
  (functions): SortKernel => ({
    flip: (at, sizeBytes) => functions.flip?.(at, at + sizeBytes),
    exchange: ({ at, sizeBytes }, rowBytes) => functions.exchange?.(at, at + sizeBytes, rowBytes),
  }),
)

/** (at, end: i32): x ← x xor ((x ≫ 31) ⋙ 1), all but the sign of what is negative. Local: four integers. */
function flip(): WasmFunction {
  const [at, end, four] = [0, 1, 3]
  const mask = [...localGet(four), ...i32Const(31), ...i32x4ShrS, ...i32Const(1), ...i32x4ShrU]
  const body = [
    ...[...localGet(at), ...load(0), ...localSet(four)],
    ...[...localGet(at), ...localGet(four), ...mask, ...v128Xor, ...store(0)],
  ]
  return {
    name: 'flip',
    locals: locals(0, 1),
    body: loop(body, whileBefore(at, 16, end)),
  }
}

/** (pair, its end, bytes: i32). Locals: where we are in both rows, where the first one ends, and four integers of each. */
function exchange(): WasmFunction {
  const [pair, pairEnd, bytes, a, b, end, x, y] = [0, 1, 2, 3, 4, 5, 6, 7]
  const four = [
    ...[...localGet(a), ...load(0), ...localSet(x)],
    ...[...localGet(b), ...load(0), ...localSet(y)],
    ...[...localGet(a), ...localGet(x), ...localGet(y), ...i32x4MinS, ...store(0)],
    ...[...localGet(b), ...localGet(x), ...localGet(y), ...i32x4MaxS, ...store(0)],
    ...forward(b, 16),
  ]
  const rows = [
    ...[...localGet(pair), ...i32Load(0), ...localTee(a), ...localGet(bytes), ...i32Add, ...localSet(end)],
    ...[...localGet(pair), ...i32Load(4), ...localSet(b)],
    ...loop(four, whileBefore(a, 16, end)),
  ]
  return {
    name: 'exchange',
    locals: locals(3, 2),
    body: loop(rows, whileBefore(pair, 8, pairEnd)),
  }
}
