/**
 * The inner loops of learning/products.ts in WebAssembly. Addresses are in bytes of a workbench. Vectors are there as panels, each of two vectors of Float64, coordinate by
 * coordinate: a₀ b₀ a₁ b₁ … So two products are made at a time, each of which is summed by itself from low to high.
 */
import {
  type Code,
  f64x2Add,
  f64x2Mul,
  f64x2PromoteLow,
  forward,
  highHalf,
  highHalves,
  i32Add,
  load,
  loadSplat64,
  localGet,
  localSet,
  locals,
  loop,
  lowHalves,
  store,
  type WasmFunction,
  whileBefore,
} from './wasm.ts'
import { perWorkbench } from './workbench.ts'

/** Coordinates in a panel, at most: with 32 vectors 256 KB, which a processor's second cache holds. */
export const panelLength = 1024
export const panelBytes = 16 * panelLength
/** A tile has so many vectors on either side, in two panels. */
export const tileRows = 4

export type ProductKernel = {
  /** A panel from two vectors of Float32; `length` is a multiple of 4. */
  pack(panelAt: number, vectorsAt: readonly [number, number], length: number): void
  /** Adds the products of `length` coordinates of the four vectors at i and the four at j to a tile of sums, whose rows are `rowBytes` apart. */
  add(
    places: { readonly i: number; readonly j: number; readonly sumsAt: number; readonly rowBytes: number },
    length: number,
  ): void
}

/** undefined where the platform does not take it, and in plain memory. */
export const productKernelAt = perWorkbench(
  () => ({ parameters: 5, functions: [pack(), add()] }),
  (functions): ProductKernel => ({
    pack: (panelAt, [a, b], length) => functions.pack?.(panelAt, a, b, a + 4 * length),
    add: ({ i, j, sumsAt, rowBytes }, length) => functions.add?.(i, j, i + 16 * length, sumsAt, rowBytes),
  }),
)

/** (panel, a, b, end of a: i32). Locals: four Float32 of a and of b. */
function pack(): WasmFunction {
  const [panel, a, b, aEnd, x, y] = [0, 1, 2, 3, 5, 6]
  const low = [
    [...localGet(x), ...f64x2PromoteLow],
    [...localGet(y), ...f64x2PromoteLow],
  ] as const
  const high = [
    [...highHalf(localGet(x)), ...f64x2PromoteLow],
    [...highHalf(localGet(y)), ...f64x2PromoteLow],
  ] as const
  const pair = (code: Code, offset: number): Code => [...localGet(panel), ...code, ...store(offset)]
  const body = [
    ...[...localGet(a), ...load(0), ...localSet(x)],
    ...[...localGet(b), ...load(0), ...localSet(y)],
    ...pair(lowHalves(...low), 0),
    ...pair(highHalves(...low), 16),
    ...pair(lowHalves(...high), 32),
    ...pair(highHalves(...high), 48),
    ...[...forward(panel, 64), ...forward(b, 16)],
  ]
  const condition = whileBefore(a, 16, aEnd)
  return { name: 'pack', locals: locals(0, 2), body: loop(body, condition) }
}

/** (i, j, end of i, sums, bytes from row to row: i32). Locals: a row of the sums, the sums, the four of j, and one of i, twice. */
function add(): WasmFunction {
  const [i, j, iEnd, sums, rowBytes, row, firstSum] = [0, 1, 2, 3, 4, 5, 6]
  const [low, high, own] = [firstSum + 2 * tileRows, firstSum + 2 * tileRows + 1, firstSum + 2 * tileRows + 2]
  const rows = Array.from({ length: tileRows }, (_, k) => ({ low: firstSum + 2 * k, high: firstSum + 2 * k + 1, k }))
  /** `each` of the rows, `row` being where it is. */
  const through = (each: (sum: (typeof rows)[number]) => Code): Code => [
    ...[...localGet(sums), ...localSet(row)],
    ...rows.flatMap((sum) => [...each(sum), ...localGet(row), ...localGet(rowBytes), ...i32Add, ...localSet(row)]),
  ]
  const product = (sum: number, other: number): Code => [
    ...localGet(sum),
    ...[...localGet(own), ...localGet(other), ...f64x2Mul],
    ...[...f64x2Add, ...localSet(sum)],
  ]
  const body = [
    ...[...localGet(j), ...load(0), ...localSet(low)],
    ...[...localGet(j), ...load(panelBytes), ...localSet(high)],
    ...rows.flatMap((sum) => [
      ...[...localGet(i), ...loadSplat64(panelBytes * (sum.k >> 1) + 8 * (sum.k % 2)), ...localSet(own)],
      ...[...product(sum.low, low), ...product(sum.high, high)],
    ]),
    ...forward(j, 16),
  ]
  const condition = whileBefore(i, 16, iEnd)
  return {
    name: 'add',
    locals: locals(1, 2 * tileRows + 3),
    body: [
      ...through((sum) => [
        ...[...localGet(row), ...load(0), ...localSet(sum.low)],
        ...[...localGet(row), ...load(16), ...localSet(sum.high)],
      ]),
      ...loop(body, condition),
      ...through((sum) => [
        ...[...localGet(row), ...localGet(sum.low), ...store(0)],
        ...[...localGet(row), ...localGet(sum.high), ...store(16)],
      ]),
    ],
  }
}
