/** Tensors of the reference interpreter: numbers are Float64, whatever type they stand for. */
import type { ElementType, Tensor } from '../ir.ts'

/** Row-major. Booleans are 0 and 1. */
export type Value =
  | {
      readonly type: Exclude<ElementType, 'string'>
      readonly shape: readonly number[]
      readonly data: readonly number[]
    }
  | { readonly type: 'string'; readonly shape: readonly number[]; readonly data: readonly string[] }
export type NumberValue = Exclude<Value, { type: 'string' }>
export type Values = Readonly<Record<string, Value>>
export type Place = readonly number[]

export const range = (length: number): readonly number[] => Array.from({ length }, (_, index) => index)

/** Every place of a tensor, in row-major order. */
export const places = (shape: readonly number[]): readonly Place[] =>
  shape.reduce<Place[]>((made, extent) => made.flatMap((place) => range(extent).map((next) => [...place, next])), [[]])

const offset = (shape: readonly number[], place: Place): number =>
  shape.reduce((sum, extent, axis) => sum * extent + (place[axis] ?? 0), 0)

export function numbers(value: Value): NumberValue {
  if (value.type === 'string') throw new TypeError('numbers are wanted, not text')
  return value
}

/** The element at a place, which may have more axes in front and be beyond an extent of 1: broadcasting. */
export function at(value: Value, place: Place): number {
  const own = place.slice(place.length - value.shape.length)
  return (
    numbers(value).data[
      offset(
        value.shape,
        own.map((index, axis) => (value.shape[axis] === 1 ? 0 : index)),
      )
    ] ?? Number.NaN
  )
}

/** The same values under the same places, picked from `value` wherever its data is. */
export function rearranged(value: Value, shape: readonly number[], from: (place: Place) => Place): Value {
  const offsets = places(shape).map((place) => offset(value.shape, from(place)))
  return value.type === 'string'
    ? { type: 'string', shape, data: offsets.map((index) => value.data[index] ?? '') }
    : { type: value.type, shape, data: offsets.map((index) => value.data[index] ?? Number.NaN) }
}

/** A tensor from a function of the place. */
export const build = (
  type: NumberValue['type'],
  shape: readonly number[],
  element: (place: Place) => number,
): NumberValue => ({ type, shape, data: places(shape).map(element) })

export const float32 = (shape: readonly number[], data: readonly number[]): NumberValue => ({
  type: 'float32',
  shape,
  data,
})

/** NumPy's broadcasting of shapes, extent by extent from the right. */
export function commonShape(shapes: readonly (readonly number[])[]): readonly number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length))
  return range(rank).map((axis) => {
    const extents = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1)
    const extent = extents.find((candidate) => candidate !== 1) ?? 1
    if (extents.some((other) => other !== 1 && other !== extent)) throw new RangeError('shapes do not broadcast')
    return extent
  })
}

export function fromTensor(tensor: Tensor): Value {
  const { type, shape } = tensor
  return type === 'string' ? { type, shape, data: tensor.data } : { type, shape, data: Array.from(tensor.data, Number) }
}

export function toTensor(name: string, { type, shape, data }: Value): Tensor {
  switch (type) {
    case 'string':
      return { name, type, shape, data }
    case 'float32':
      return { name, type, shape, data: Float32Array.from(data) }
    case 'int32':
      return { name, type, shape, data: Int32Array.from(data) }
    case 'int64':
      return { name, type, shape, data: BigInt64Array.from(data, BigInt) }
    case 'uint8':
    case 'bool':
      return { name, type, shape, data: Uint8Array.from(data) }
  }
}
