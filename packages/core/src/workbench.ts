/**
 * Memory in which kernels work on what is there. What is elsewhere is copied to where a kernel sees it, which costs more than most of what is done with it; what has to
 * be summed is therefore best read into a workbench, and summed in one.
 */
import { compiled, pageBytes, type WasmFunctions, type WasmModule, wasmMemory } from './wasm.ts'

/** Gives so many bytes that nobody else has, of which the first is at a multiple of 64. What is in them is not said. */
export type Take = (sizeBytes: number) => Uint8Array<ArrayBuffer>

export type Workbench = {
  /** Begins to give away all of it once more: who took before is done with it. Where it is used up, there is plain memory. */
  begin(): Take
}

/** What kernels have for themselves at the beginning of each memory: `parts` says where. */
const kernelBytes = 3 * pageBytes

/** Where the platform has no WebAssembly, it is plain memory. */
export function workbench(sizeBytes: number): Workbench {
  const memory = wasmMemory(Math.ceil((kernelBytes + sizeBytes) / pageBytes))
  if (memory === undefined) return { begin: () => plain }
  const buffer = memory.buffer as ArrayBuffer
  memories.set(buffer, memory)
  return {
    begin() {
      let at = kernelBytes
      return (sizeBytes) => {
        const from = at
        if (from + sizeBytes > buffer.byteLength) return plain(sizeBytes)
        at += 64 * Math.ceil(sizeBytes / 64)
        return new Uint8Array(buffer, from, sizeBytes)
      }
    },
  }
}

export const plain: Take = (sizeBytes) => new Uint8Array(sizeBytes)

const memories = new WeakMap<ArrayBufferLike, WebAssembly.Memory>()

/** A kernel in each workbench, instantiated where it is first asked for; undefined where the platform does not take it, and for plain memory. */
export function perWorkbench<Kernel>(
  module: () => WasmModule,
  make: (functions: WasmFunctions, buffer: ArrayBuffer) => Kernel,
): (buffer: ArrayBufferLike) => Kernel | undefined {
  const made = new WeakMap<ArrayBufferLike, Kernel>()
  let instantiate: ReturnType<typeof compiled> | null = null
  return (buffer) => {
    const known = made.get(buffer)
    const memory = memories.get(buffer)
    if (known !== undefined || memory === undefined) return known
    instantiate ??= compiled(module())
    if (instantiate === undefined) return undefined
    const kernel = make(instantiate(memory), memory.buffer as ArrayBuffer)
    made.set(buffer, kernel)
    return kernel
  }
}

const [firstPage, secondPage, thirdPage] = [0, pageBytes, 2 * pageBytes]
/** Where each kernel has its own part of a memory, in bytes. They do not meet. */
export const parts = {
  nh: { message: firstPage, key: secondPage, sums: thirdPage },
  step: { divisor: thirdPage + 16, squares: thirdPage + 32 },
  sum: { coefficients: thirdPage + 64, blocks: thirdPage + 128 },
} as const
