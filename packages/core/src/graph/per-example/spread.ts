/** Where in a value the examples of a batch lie. */
import { sizeOf } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'
import { fixedShape } from '../gradients/rule.ts'
import { ints } from '../ir.ts'

/** Along one axis, whose places count `outer`, then the examples, then `inner`: mostly the examples alone, after a Reshape perhaps their steps as well. */
export type Spread = { readonly axis: number; readonly outer: number; readonly inner: number }

export const along = (axis: number): Spread => ({ axis, outer: 1, inner: 1 })
export const isPlain = ({ outer, inner }: Spread): boolean => outer === 1 && inner === 1
export const isSame = (one: Spread, other: Spread): boolean =>
  one.axis === other.axis && one.outer === other.outer && one.inner === other.inner

/**
 * A Reshape moves nothing in memory: from one element of an example to the same one of the next example it stays as far. undefined where the examples then lie
 * across several axes. More than one example.
 */
export function reshaped(
  { axis, inner }: Spread,
  { from, to, batch }: { from: readonly number[]; to: readonly number[]; batch: number },
): Spread | undefined {
  const stride = sizeOf(from.slice(axis + 1)) * inner
  const found = to.findIndex((extent, index) => {
    const behind = sizeOf(to.slice(index + 1))
    return behind <= stride && stride % behind === 0 && (behind * extent) % (stride * batch) === 0
  })
  if (found < 0) return undefined
  const behind = sizeOf(to.slice(found + 1))
  return { axis: found, outer: (behind * (to[found] ?? 1)) / (stride * batch), inner: stride / behind }
}

export type Rows = { readonly at: Spread; readonly batch: number }

/** [batch, rows, values], or [batch, values] of a single row: for each example all that it has, in rows of so many values that lie together. */
export function rowsOf(b: GraphBuilder, name: string, { at, batch, values }: Rows & { values: number }): string {
  const shape = fixedShape(b, name)
  const rows = sizeOf(shape) / (batch * values)
  const wanted = rows === 1 ? [batch, values] : [batch, rows, values]
  const before = sizeOf(shape.slice(0, at.axis)) * at.outer
  if (before === 1) return shape.join() === wanted.join() ? name : b.node('Reshape', [name, b.axes(wanted)])
  const apart = b.node('Reshape', [name, b.axes([before, batch, -1])])
  return b.node('Reshape', [b.node('Transpose', [apart], { attributes: { perm: ints([1, 0, 2]) } }), b.axes(wanted)])
}

/** [batch, …shape] of a value that has that shape, but for the axis of the examples: their steps are added up. */
export function eachOf(
  b: GraphBuilder,
  name: string,
  { at, batch, shape }: Rows & { shape: readonly number[] },
): string {
  const [from, wanted] = [fixedShape(b, name), [batch, ...shape]]
  const before = sizeOf(from.slice(0, at.axis))
  if (before === 1 && isPlain(at))
    return from.join() === wanted.join() ? name : b.node('Reshape', [name, b.axes(wanted)])
  const parts = b.node('Reshape', [name, b.axes([before, at.outer, batch, at.inner, -1])])
  const added = isPlain(at) ? parts : b.node('ReduceSum', [parts, b.axes([1, 3])])
  const first = before === 1 ? added : b.node('Transpose', [added], { attributes: { perm: ints([2, 0, 1, 3, 4]) } })
  return b.node('Reshape', [first, b.axes(wanted)])
}
