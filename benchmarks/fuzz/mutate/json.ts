/** Changes of a JSON value: a place in it is replaced, taken away, renamed, copied to elsewhere, or given a neighbour. */
import type { Random } from '@wardround/core/random.ts'
import type { Bytes, Mutator } from '../boundary.ts'
import { edgeTexts, pick } from './numbers.ts'

const numbers = edgeTexts.map(Number)
const odd: readonly unknown[] = [
  ...[null, true, false, '', ' ', '\0', '\ud800', '\uFEFF', '__proto__', 'constructor', '../..', 'x'.repeat(5000)],
  ...[{}, [], [[]], [null], { '': 0 }, { length: 1 }, ...numbers.filter(Number.isFinite)],
]
const names = ['', '__proto__', 'constructor', 'toString', 'x', '0', '-1', 'a.b', '\0', '\ud800', 'é', 'x'.repeat(300)]

/** Of its own: what is put somewhere is changed there, and must not be put into itself. */
const oddOne = (random: Random): unknown => structuredClone(pick(random, odd))

type Place = { readonly holder: object; readonly key: string }

/** Further down, everything is as what is around it. */
const deepestPlace = 30

/** Every place in a value, with what holds it. */
const places = (value: unknown, depth = 0): Place[] =>
  typeof value === 'object' && value !== null && depth < deepestPlace
    ? Object.entries(value).flatMap(([key, inner]) => [{ holder: value, key }, ...places(inner, depth + 1)])
    : []

/** Also under names that an object has from elsewhere. */
const put = (holder: object, key: string, value: unknown): unknown =>
  Array.isArray(holder)
    ? holder.splice(Number(key), 1, value)
    : Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true })

const deep = (random: Random): unknown => {
  let value: unknown = 0
  const list = random.below(2) === 0
  for (let depth = 2 ** random.below(9); depth > 0; depth--) value = list ? [value] : { a: value }
  return value
}

/** `value` is changed in place where it holds anything, and is another one where it does not. */
export function changedJson(value: unknown, random: Random, words: readonly string[] = []): unknown {
  const root = { value }
  const { holder, key } = pick(random, places(root))
  const old = Object.getOwnPropertyDescriptor(holder, key)?.value as unknown
  const elsewhere = pick(random, places(root))
  switch (random.below(8)) {
    case 0:
      put(holder, key, oddOne(random))
      break
    case 1:
      put(holder, key, pick(random, numbers))
      break
    case 2:
      if (Array.isArray(holder)) holder.splice(Number(key), 1)
      else if (holder !== root) Reflect.deleteProperty(holder, key)
      break
    case 3:
      put(holder, key, structuredClone(Object.getOwnPropertyDescriptor(elsewhere.holder, elsewhere.key)?.value))
      break
    case 4:
      if (Array.isArray(holder)) holder.push(structuredClone(old))
      else if (holder !== root) put(holder, pick(random, [...names, ...words]), structuredClone(old))
      break
    case 5:
      put(holder, key, typeof old === 'string' && words.length > 0 ? pick(random, words) : oddOne(random))
      break
    case 6:
      put(holder, key, random.below(4) === 0 ? deep(random) : [old])
      break
    default:
      put(holder, key, nudged(old, random))
  }
  return root.value
}

/** Almost what it was. */
function nudged(value: unknown, random: Random): unknown {
  if (typeof value === 'number')
    return pick(random, [value + 1, value - 1, -value, value / 2, value * 2, String(value)])
  if (typeof value === 'string') {
    const at = random.below(value.length + 1)
    return (
      value.slice(0, at) + pick(random, ['', 'a', '0', ' ', '\u00e9', '\ud83d']) + value.slice(at + random.below(2))
    )
  }
  return typeof value === 'boolean' ? !value : value
}

/**
 * For a form that is JSON inside: what `read` finds in an input is changed, and `write` puts it back. What has the form no longer, or what
 * cannot be written in it, stays as it was: its bytes can still be changed.
 */
export const jsonMutator =
  (read: (input: Bytes) => unknown, write: (value: unknown, random: Random) => Bytes): Mutator =>
  (input, random, { words }) => {
    try {
      let value = read(input)
      for (let changes = 1 + random.below(3); changes > 0; changes--) value = changedJson(value, random, words)
      return write(value, random)
    } catch {
      return input
    }
  }
