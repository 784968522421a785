/** The inner loops of step-sum.ts in WebAssembly. Addresses are in bytes of a workbench; lengths are multiples of 4. */
import {
  type Code,
  f32x4DemoteZero,
  f64x2Add,
  f64x2Div,
  f64x2Mul,
  f64x2PromoteLow,
  forward,
  highHalf,
  i32Const,
  load,
  loadSplat64,
  localGet,
  localSet,
  locals,
  localTee,
  loop,
  lowHalves,
  store,
  type WasmFunction,
  whileBefore,
} from './wasm.ts'
import { parts, perWorkbench } from './workbench.ts'

export type StepKernel = {
  readonly buffer: ArrayBuffer
  /** As divide() in step-sum.ts. */
  divide(at: number, length: number, divisor: number): number
  /** As addStep() in step-sum.ts. */
  addStep(
    places: { readonly weightsAt: number; readonly stepAt: number; readonly nextAt: number },
    length: number,
  ): void
}

const { divisor: divisorAt, squares: squaresAt } = parts.step

/** undefined where the platform does not take it, and in plain memory. */
export const stepKernelAt = perWorkbench(
  () => ({ parameters: 4, functions: [divide(), addStep()] }),
  (functions, buffer): StepKernel => {
    const divisors = new Float64Array(buffer, divisorAt, 1)
    const squares = new Float64Array(buffer, squaresAt, 2)
    return {
      buffer,
      divide(at, length, divisor) {
        divisors[0] = divisor
        functions.divide?.(at, at + 8 * length)
        return squares[0] ?? 0
      },
      addStep: ({ weightsAt, stepAt, nextAt }, length) =>
        functions.addStep?.(stepAt, stepAt + 8 * length, weightsAt, nextAt),
    }
  },
)

/** Locals of divide(): two pairs of Float64, the sum of squares (its first half; what is in the second is not looked at), one more, and the divisor. */
const [low, high, squares, more, divisor] = [4, 5, 6, 7, 8]

/** From the first to the last coordinate: (s + x₀²) + x₁², and so on. */
const addSquares = (pair: number): Code => [
  ...[...localGet(pair), ...localGet(pair), ...f64x2Mul, ...localSet(more)],
  ...[...localGet(squares), ...localGet(more), ...f64x2Add],
  ...[...highHalf(localGet(more)), ...f64x2Add, ...localSet(squares)],
]
const end = [...i32Const(0), ...localGet(squares), ...store(squaresAt)]
/** (x, its end: i32). */
function divide(): WasmFunction {
  const [x, xEnd] = [0, 1]
  const quotients = (offset: number, pair: number): Code => [
    ...localGet(x),
    ...[...localGet(x), ...load(offset), ...localGet(divisor), ...f64x2Div, ...localTee(pair)],
    ...store(offset),
    ...addSquares(pair),
  ]
  const body = [...quotients(0, low), ...quotients(16, high)]
  return {
    name: 'divide',
    locals: locals(0, 5),
    body: [
      ...[...i32Const(0), ...loadSplat64(divisorAt), ...localSet(divisor)],
      ...loop(body, whileBefore(x, 32, xEnd)),
      ...end,
    ],
  }
}

/** (step, its end, weights, next: i32). Local: four weights. */
function addStep(): WasmFunction {
  const [step, stepEnd, weights, next, four] = [0, 1, 2, 3, 4]
  const sum = (half: Code, offset: number): Code => [
    ...[...half, ...f64x2PromoteLow, ...localGet(step), ...load(offset), ...f64x2Add],
    ...f32x4DemoteZero,
  ]
  const body = [
    ...[...localGet(weights), ...load(0), ...localSet(four)],
    ...localGet(next),
    ...lowHalves(sum(localGet(four), 0), sum(highHalf(localGet(four)), 16)),
    ...store(0),
    ...[...forward(weights, 16), ...forward(next, 16)],
  ]
  return { name: 'addStep', locals: locals(0, 1), body: loop(body, whileBefore(step, 32, stepEnd)) }
}
