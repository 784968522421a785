/**
 * Reproducible draws: xoshiro128** (Blackman and Vigna, 2021, "Scrambled linear pseudorandom number generators") seeded
 * by SHA-256 of a list of labels, so that every use has a stream of its own and the order of uses cannot matter.
 * For shuffles, splits, initial weights, dropout and bootstrap. Never for keys, nonces or privacy noise.
 */
import { sha256 } from '@noble/hashes/sha2.js'

export interface Random {
  /** Uniform in 0 … 2^32 − 1. */
  uint32(): number
  /** Uniform in [0, 1), 24 bits: exact in Float32. */
  uniform(): number
  /** Uniform in 0 … bound − 1, without modulo bias; `bound` is 1 … 2^32. */
  below(bound: number): number
}

/** A stream named by `labels`, for example `seededRandom([study.seed, 'shuffle', site, round])`. */
export function seededRandom(labels: readonly (string | number)[]): Random {
  const digest = sha256(new TextEncoder().encode(JSON.stringify(labels)))
  const words = new DataView(digest.buffer, digest.byteOffset)
  let a = words.getUint32(0, true)
  let b = words.getUint32(4, true)
  let c = words.getUint32(8, true)
  let d = words.getUint32(12, true) | 1
  const uint32 = (): number => {
    const scrambled = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotateLeft(d, 11)
    return scrambled
  }
  const below = (bound: number): number => {
    const limit = 2 ** 32 - (2 ** 32 % bound)
    let draw = uint32()
    while (draw >= limit) draw = uint32()
    return draw % bound
  }
  return { uint32, uniform: () => (uint32() >>> 8) / 2 ** 24, below }
}

/** A uniform permutation of 0 … length − 1 (Fisher–Yates). */
export function permutation(length: number, random: Random): Int32Array<ArrayBuffer> {
  const order = Int32Array.from({ length }, (_, index) => index)
  for (let last = length - 1; last > 0; last--) {
    const other = random.below(last + 1)
    const held = order[last] ?? 0
    order[last] = order[other] ?? 0
    order[other] = held
  }
  return order
}

const rotateLeft = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits))
