/** Changes that know no form: bits, lengths, copies, splices, and texts that decoders trip over. */
import type { Random } from '@wardround/core/random.ts'
import { type Bytes, bytesOf, type Mutator } from '../boundary.ts'
import { edgeIntegers, edgeTexts, pick } from './numbers.ts'

/** `bytes` with what is between `start` and `end` replaced. */
const replaced = (bytes: Bytes, { start, end }: Range, by: Uint8Array): Bytes => {
  const made = new Uint8Array(bytes.length - (end - start) + by.length)
  made.set(bytes.subarray(0, start))
  made.set(by, start)
  made.set(bytes.subarray(end), start + by.length)
  return made
}

type Range = { readonly start: number; readonly end: number }

/** Short ones are more likely: a change of a few bytes often keeps the rest meaningful. */
function rangeIn({ length }: Bytes, random: Random): Range {
  const start = random.below(length + 1)
  const longest = Math.min(length - start, 2 ** random.below(10))
  return { start, end: start + (longest === 0 ? 0 : random.below(longest + 1)) }
}

const at = (start: number): Range => ({ start, end: start })

const flipBit: Mutator = (input, random) => {
  const made = input.slice()
  const index = random.below(Math.max(1, input.length))
  if (index < made.length) made[index] = (made[index] ?? 0) ^ (1 << random.below(8))
  return made
}
const setByte: Mutator = (input, random) => {
  const made = input.slice()
  if (made.length > 0) made[random.below(made.length)] = random.below(256)
  return made
}
const cutShort: Mutator = (input, random) => input.slice(0, random.below(input.length + 1))
const drop: Mutator = (input, random) => replaced(input, rangeIn(input, random), new Uint8Array())
const repeat: Mutator = (input, random) => {
  const range = rangeIn(input, random)
  const part = input.slice(range.start, range.end)
  const times = Math.min(
    1 + random.below(random.below(8) === 0 ? 300 : 3),
    Math.ceil(20_000 / Math.max(1, part.length)),
  )
  return replaced(input, at(range.end), Buffer.concat(Array.from({ length: times }, () => part)))
}
const splice: Mutator = (input, random, { other }) => {
  const { start, end } = rangeIn(other, random)
  return replaced(input, rangeIn(input, random), other.slice(start, end))
}
const crossOver: Mutator = (input, random, { other }) =>
  Uint8Array.from(
    Buffer.concat([input.slice(0, random.below(input.length + 1)), other.slice(random.below(other.length + 1))]),
  )
const word: Mutator = (input, random, { words }) =>
  words.length === 0 ? input : replaced(input, rangeIn(input, random), bytesOf(pick(random, words)))
const noise: Mutator = (input, random) =>
  replaced(
    input,
    at(random.below(input.length + 1)),
    Uint8Array.from({ length: 1 + random.below(20) }, () => random.below(256)),
  )

/** An integer of 1, 2, 4 or 8 bytes, in either order, over what was there. */
const integer: Mutator = (input, random) => {
  const size = pick(random, [1, 2, 4, 8])
  const view = new DataView(new ArrayBuffer(8))
  const little = random.below(2) === 0
  view.setBigUint64(0, pick(random, edgeIntegers), little)
  const start = random.below(input.length + 1)
  const bytes = new Uint8Array(view.buffer).subarray(...(little ? [0, size] : [8 - size, 8]))
  return replaced(input, { start, end: Math.min(input.length, start + size) }, bytes)
}

/** A number that stands there in digits becomes another one. */
const digits: Mutator = (input, random) => {
  const text = Buffer.from(input).toString('latin1')
  const found = [...text.matchAll(/-?\d+(?:\.\d+)?/g)]
  if (found.length === 0) return input
  const { index, 0: number } = pick(random, found)
  return replaced(input, { start: index, end: index + number.length }, bytesOf(pick(random, edgeTexts)))
}

/** A byte-order mark, NUL, line ends, what is no UTF-8, half a surrogate pair, names that objects have already. */
const oddities: readonly Uint8Array[] = [
  ...['\uFEFF', '\0', '\r\n', '\r', '\n', '\u2028', '\u0085', '\u202E', '"', '\\', '\\ud800', '\\u0000', '__proto__'],
  ...['constructor', 'toString', 'hasOwnProperty', '\u{1F600}', 'e\u0301'.repeat(20), ' ', '\t', '%00', '../'],
].map(bytesOf)
const invalidUtf8 = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82]].map((bytes) =>
  Uint8Array.from(bytes),
)
const oddity: Mutator = (input, random) =>
  replaced(input, rangeIn(input, random), pick(random, [...oddities, ...invalidUtf8]))

/** Brackets without an end, or with one. */
const nest: Mutator = (input, random) => {
  const depth = 2 ** random.below(random.below(20) === 0 ? 14 : 6)
  const [open, close] = pick(
    random,
    ['[]', '{}', '()', '""', '- ', '? ', '&a', '%7'].map((pair) => [...pair]),
  )
  const start = random.below(input.length + 1)
  const opened = replaced(input, at(start), bytesOf((open ?? '').repeat(depth)))
  return random.below(2) === 0 ? opened : replaced(opened, at(opened.length), bytesOf((close ?? '').repeat(depth)))
}

/** One line is left out, doubled, moved or taken from another input. */
const lines: Mutator = (input, random, { other }) => {
  const own = Buffer.from(input).toString('latin1').split('\n')
  const theirs = Buffer.from(other).toString('latin1').split('\n')
  const line = random.below(own.length)
  const added = pick(random, [[], [own[line] ?? '', own[line] ?? ''], [pick(random, own)], [pick(random, theirs)]])
  return Uint8Array.from(Buffer.from(own.toSpliced(line, 1, ...added).join('\n'), 'latin1'))
}

export const byteMutators: readonly Mutator[] = [
  ...[flipBit, flipBit, setByte, cutShort, drop, drop, repeat, splice, splice, crossOver, word, word, noise],
  ...[integer, digits, digits, oddity, oddity, nest, lines],
]
