/**
 * WebAssembly modules put together instruction by instruction (core specification 2.0, with the SIMD instructions of its section 4.4.3): functions of 32-bit
 * integers that give nothing back, on a memory that is given.
 */

export type Code = readonly number[]

export type WasmFunction = {
  readonly name: string
  /** As `locals(…)` gives them. Parameters come before them, and are no part of them. */
  readonly locals: Code
  readonly body: Code
}

export type WasmModule = {
  /** How many integers each function takes. */
  readonly parameters: number
  readonly functions: readonly WasmFunction[]
}

/** By name. */
export type WasmFunctions = Readonly<Record<string, (...parameters: number[]) => void>>

export const pageBytes = 65_536

/** So much, and never more; undefined where the platform does not take it. */
export function wasmMemory(pages: number): WebAssembly.Memory | undefined {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages })
  } catch {
    // A platform without WebAssembly, or one that has no room left for it.
    return undefined
  }
}

/** Compiled once for every memory; undefined where the platform does not take it. */
export function compiled(module: WasmModule): ((memory: WebAssembly.Memory) => WasmFunctions) | undefined {
  try {
    const bytes = moduleBytes(module)
    if (!WebAssembly.validate(bytes)) return undefined
    const made = new WebAssembly.Module(bytes)
    return (memory) => new WebAssembly.Instance(made, { given: { memory } }).exports as WasmFunctions
  } catch {
    // A platform without WebAssembly, or whose policy forbids it.
    return undefined
  }
}

// ---- instructions (section 5.4) ----

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
export const localGet = (index: number): Code => [0x20, index]
export const localSet = (index: number): Code => [0x21, index]
export const localTee = (index: number): Code => [0x22, index]
export const i32Const = (value: number): Code => [0x41, ...signed(value)]
export const i32Add: Code = [0x6a]
export const i32LtU: Code = [0x49]
export const i32Load = (offset: number): Code => [0x28, 2, ...unsigned(offset)]
/** Alignment is a hint; `offset` is added to the address on the stack. */
export const load = (offset: number): Code => [...simd(0), 4, ...unsigned(offset)]
export const store = (offset: number): Code => [...simd(11), 4, ...unsigned(offset)]
export const loadSplat64 = (offset: number): Code => [...simd(10), 3, ...unsigned(offset)]
/** The first half of one vector, then that of another. */
export const lowHalves = (first: Code, second: Code): Code => [
  ...first,
  ...second,
  ...simd(13),
  ...[0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23],
]
/** The second half of one vector, then that of another. */
export const highHalves = (first: Code, second: Code): Code => [
  ...first,
  ...second,
  ...simd(13),
  ...[8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31],
]
/** The second half of a vector as its first. */
export const highHalf = (vector: Code): Code => [
  ...vector,
  ...vector,
  ...simd(13),
  ...[8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15],
]
export const f64x2PromoteLow = simd(95)
/** Two Float64 as Float32, and two zeros. */
export const f32x4DemoteZero = simd(94)
export const f64x2Add = simd(240)
export const f64x2Mul = simd(242)
export const f64x2Div = simd(243)
export const v128Xor = simd(81)
/** By so many bits as the integer on the stack says: with the sign, and without. */
export const i32x4ShrS = simd(172)
export const i32x4ShrU = simd(173)
export const i32x4Add = simd(174)
export const i32x4MinS = simd(182)
export const i32x4MaxS = simd(184)
export const i64x2Add = simd(206)
/** 32 × 32 → 64 bits, of lanes 0 and 1, and of lanes 2 and 3. */
export const i64x2MulLowU = simd(222)
export const i64x2MulHighU = simd(223)
/** do { body } while (condition) */
export const loop = (body: Code, condition: Code): Code => [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b]

/** So many of type i32, then so many of type v128. */
export const locals = (integers: number, vectors: number): Code => [2, integers, 0x7f, vectors, 0x7b]

/** pointer ← pointer + bytes. */
export const forward = (pointer: number, bytes: number): Code => [...ahead(pointer, bytes), ...localSet(pointer)]

/** The condition of a loop: moves the pointer on, and says whether it is still before its limit. */
export const whileBefore = (pointer: number, bytes: number, limit: number): Code => [
  ...[...ahead(pointer, bytes), ...localTee(pointer)],
  ...[...localGet(limit), ...i32LtU],
]

const ahead = (pointer: number, bytes: number): Code => [...localGet(pointer), ...i32Const(bytes), ...i32Add]

// ---- the module (section 5.5) ----

const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()]
const sized = (code: Code): Code => [...unsigned(code.length), ...code]
const section = (id: number, items: readonly Code[]): Code => [id, ...sized(vector(items))]
const named = (name: string): Code => sized([...new TextEncoder().encode(name)])

function moduleBytes({ parameters, functions }: WasmModule): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // One type for all: (i32 …) → ().
    ...section(1, [[0x60, parameters, ...Array.from({ length: parameters }, () => 0x7f), 0]]),
    // The memory: of at least one page.
    ...section(2, [[...named('given'), ...named('memory'), 2, 0, 1]]),
    ...section(
      3,
      functions.map(() => [0]),
    ),
    ...section(
      7,
      functions.map(({ name }, index) => [...named(name), 0, ...unsigned(index)]),
    ),
    ...section(
      10,
      functions.map(({ locals, body }) => sized([...locals, ...body, 0x0b])),
    ),
  ])
}
