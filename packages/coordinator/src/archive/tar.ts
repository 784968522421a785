/** Tar archives as we write them (POSIX.1-1988 ustar): plain files with short names. Others' features are refused, not guessed at. */
import { WardroundError } from '@wardround/core/errors.ts'
import { studyFileWords } from '@wardround/core/words/en/study-file.ts'

const blockBytes = 512
/** Eleven octal digits. */
const largestBytes = 8 ** 11 - 1

const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`

/** What stands before a member's bytes. `name` is of at most 100 letters of ASCII. */
export function headerOf(name: string, sizeBytes: number): Uint8Array {
  if (sizeBytes > largestBytes) throw new WardroundError('WR_BODY_TOO_LARGE', { limitBytes: largestBytes })
  const block = Buffer.alloc(blockBytes)
  block.write(name, 0, 100, 'ascii')
  block.write(octal(0o600, 7), 100)
  block.write(octal(0, 7) + octal(0, 7), 108)
  block.write(octal(sizeBytes, 11) + octal(0, 11), 124)
  block.write('        0', 148)
  block.write('ustar\u000000', 257)
  block.write(octal(sumOf(block), 6), 148)
  return block
}

const sumOf = (block: Uint8Array): number => block.reduce((sum, byte) => sum + byte, 0)

/** Zeros up to the end of a block. */
export const paddingOf = (sizeBytes: number): Uint8Array =>
  new Uint8Array((blockBytes - (sizeBytes % blockBytes)) % blockBytes)

export const endOfArchive = new Uint8Array(2 * blockBytes)

const broken = (problem: string): WardroundError => new WardroundError('WR_STUDY_FILE', { problem })

/** A member's name and size; undefined for a block of zeros, which is the end. Each other bit is as we write it. Errors: WR_STUDY_FILE. */
export function readHeader(block: Uint8Array): { readonly name: string; readonly sizeBytes: number } | undefined {
  if (block.length < blockBytes) throw broken(studyFileWords.torn())
  if (block.every((byte) => byte === 0)) return undefined
  const textAt = (start: number, end: number): string => Buffer.from(block.subarray(start, end)).toString('latin1')
  const name = textAt(0, 100).replace(/\0.*$/s, '')
  const sizeBytes = Number.parseInt(textAt(124, 135), 8)
  const isNamed = /^[a-z0-9-]{1,60}\.[a-z]{1,12}$/.test(name)
  if (!isNamed || !(sizeBytes >= 0) || Buffer.compare(headerOf(name, sizeBytes), block) !== 0)
    throw broken(studyFileWords.noMember())
  return { name, sizeBytes }
}

/** Bytes that are taken in order, so many at a time, out of pieces of any size. */
export function taking(pieces: AsyncIterable<Uint8Array>) {
  const source = pieces[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array()
  const next = async (): Promise<boolean> => {
    while (rest.length === 0) {
      const { done, value } = await source.next()
      if (done === true) return false
      rest = value
    }
    return true
  }
  /** `sizeBytes`, in pieces that are good until the one after the next. Errors: WR_STUDY_FILE where there are fewer. */
  async function* some(sizeBytes: number): AsyncGenerator<Uint8Array> {
    for (let left = sizeBytes; left > 0; ) {
      if (!(await next())) throw broken(studyFileWords.torn())
      const piece = rest.subarray(0, left)
      rest = rest.subarray(piece.length)
      left -= piece.length
      yield piece
    }
  }
  return {
    some,
    async whole(sizeBytes: number): Promise<Uint8Array> {
      const pieces: Uint8Array[] = []
      for await (const piece of some(sizeBytes)) pieces.push(Uint8Array.from(piece))
      return Buffer.concat(pieces)
    },
    /** The next member's head. */
    async header() {
      return readHeader(await this.whole(blockBytes))
    },
    skipPadding: async (sizeBytes: number): Promise<void> => {
      for await (const piece of some(paddingOf(sizeBytes).length))
        if (piece.some((byte) => byte !== 0)) throw broken(studyFileWords.noMember())
    },
    /** Whether nothing but zeros is left. */
    async ended(): Promise<boolean> {
      while (await next()) {
        if (rest.some((byte) => byte !== 0)) return false
        rest = new Uint8Array()
      }
      return true
    },
  }
}
