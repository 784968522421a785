/** Numbers that programs get wrong. */
import type { Random } from '@wardround/core/random.ts'

const edges = [
  0n,
  1n,
  2n,
  7n,
  8n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0xffffn,
  2n ** 20n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n,
]
const far = [2n ** 40n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]
export const edgeIntegers: readonly bigint[] = [...edges, ...far]

/** As text: JSON, YAML and CSV have them in this form. */
export const edgeTexts: readonly string[] = [
  ...edgeIntegers.map(String),
  ...['-1', '-0', '-9223372036854775808', '0.1', '1e308', '1e309', '-1e309', '5e-324', '1e-400', '00', '0x10', '1_000'],
  ...['NaN', 'Infinity', '.inf', '1e', '9'.repeat(400)],
]

export const pick = <T>(random: Random, from: readonly T[]): T => {
  const found = from[random.below(Math.max(1, from.length))]
  if (found === undefined) throw new Error('There is nothing to pick from.')
  return found
}
