/** What random uses of operators are made of. Values are multiples of 1/64, exact in Float32. */
import fc, { type GeneratorValue } from 'fast-check'
import { type NumberValue, places, range, type Value } from '../interpreter/values.ts'
import type { Attribute } from '../ir.ts'

/** `constant`: an initializer, as axes and shapes must be. `still`: no gradient flows to it, although it is numbers. */
export type Operand = { readonly value: Value; readonly constant?: boolean; readonly still?: boolean }
export type Case = {
  readonly op: string
  /** undefined: left out. */
  readonly operands: readonly (Operand | undefined)[]
  readonly attributes: Readonly<Record<string, Attribute>>
  /** How many outputs the node has: one, unless said otherwise. */
  readonly outputs?: number
  /** Through how many of them, from the first on, a gradient flows: through all that are numbers, unless said otherwise. */
  readonly flowing?: number
  /** Those among them that it does not name. */
  readonly unnamed?: readonly number[]
}
export type Draw = GeneratorValue

/** How properties of fc.gen() are run: its values shrink slowly, and messages say the case. */
export const drawn = (numRuns = 100) => ({ numRuns, endOnFailure: true })

export type Made = Omit<Case, 'op'>

export const between = (g: Draw, min: number, max: number): number => g(fc.integer, { min, max })
export const either = (g: Draw): boolean => g(fc.boolean)
export const oneOf = <T>(g: Draw, values: readonly T[]): T => g(() => fc.constantFrom(...values))
export const shapeOf = (g: Draw, { least = 0, most = 4 } = {}): readonly number[] =>
  range(between(g, least, most)).map(() => between(g, 1, 3))
export const integersOf = (g: Draw, count: number, bounds: { min: number; max: number }): readonly number[] =>
  g(fc.array<number>, fc.integer(bounds), { minLength: count, maxLength: count })
export const sizeOf = (shape: readonly number[]): number => places(shape).length

/** Numbers in ±3. */
export const floats = (g: Draw, shape: readonly number[]): NumberValue => ({
  type: 'float32',
  shape,
  data: integersOf(g, sizeOf(shape), { min: -192, max: 192 }).map((value) => value / 64),
})
/** Numbers in ±3.5 that are at least 1/2 away from 0. */
export const awayFromZero = (g: Draw, shape: readonly number[]): NumberValue => {
  const value = floats(g, shape)
  return { ...value, data: value.data.map((x) => (x < 0 ? x - 0.5 : x + 0.5)) }
}
/** Numbers in ±3 that lie between multiples of 1/64, where activations have their kinks. */
export const betweenKinks = (g: Draw, shape: readonly number[]): NumberValue => {
  const value = floats(g, shape)
  return { ...value, data: value.data.map((x) => x + 1 / 128) }
}
/** Numbers of which no two are the same. */
export const distinct = (g: Draw, shape: readonly number[]): NumberValue => {
  const all = range(sizeOf(shape))
  const data = g(fc.shuffledSubarray<number>, [...all], { minLength: all.length })
  return { type: 'float32', shape, data: data.map((index) => index / 16 - 2) }
}
export const positive = (g: Draw, shape: readonly number[]): NumberValue => {
  const value = awayFromZero(g, shape)
  return { ...value, data: value.data.map(Math.abs) }
}
export const whole = (g: Draw, shape: readonly number[], type: 'int32' | 'int64' | 'uint8'): NumberValue => ({
  type,
  shape,
  data: integersOf(g, sizeOf(shape), { min: type === 'uint8' ? 0 : -50, max: 50 }),
})
export const truths = (g: Draw, shape: readonly number[]): NumberValue => ({
  type: 'bool',
  shape,
  data: integersOf(g, sizeOf(shape), { min: 0, max: 1 }),
})
/** int64, as axes, shapes and indices are given. */
export const int64 = (data: readonly number[]): Value => ({ type: 'int64', shape: [data.length], data })
export const constant = (data: readonly number[]): Operand => ({ value: int64(data), constant: true })

export const plain = (...values: readonly Value[]): Made => ({
  operands: values.map((value) => ({ value })),
  attributes: {},
})

/** Shapes that broadcast to one: some axes left out in front, some of extent 1. */
export function broadcastable(g: Draw, count: number): readonly (readonly number[])[] {
  const common = shapeOf(g)
  return range(count).map(() =>
    common.slice(between(g, 0, common.length)).map((extent) => (either(g) && either(g) ? 1 : extent)),
  )
}

/** Some of the axes 0 … rank − 1, in any order, counted from either end. */
export const someAxes = (g: Draw, rank: number): readonly number[] =>
  rank === 0
    ? []
    : g(fc.uniqueArray<number, number>, fc.integer({ min: 0, max: rank - 1 }), { minLength: 1, maxLength: rank }).map(
        (axis) => (either(g) ? axis : axis - rank),
      )

export const signed = (g: Draw, axis: number, rank: number): number => (either(g) ? axis : axis - rank)
