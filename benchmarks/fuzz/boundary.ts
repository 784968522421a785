/** A place where bytes come in from outside, as the fuzzer sees it: what to start from, how to change it, and what may come of it. */
import type { ErrorCode } from '@wardround/core/errors.ts'
import type { Random } from '@wardround/core/random.ts'
import type fc from 'fast-check'

export type Bytes = Uint8Array<ArrayBuffer>

/** What a boundary made of an input. Anything else that it does is thrown, and is a finding. */
export type Outcome = 'accepted' | ErrorCode

/** A boundary at work. What an input leaves behind is there for the next one. */
export type Session = {
  take(input: Bytes): Outcome | Promise<Outcome>
  close(): void | Promise<void>
}

/** `other` is another input of the same boundary; `words` are what its form is made of. */
export type Beside = { readonly other: Bytes; readonly words: readonly string[] }
export type Mutator = (input: Bytes, random: Random, beside: Beside) => Bytes

export type Boundary = {
  readonly name: string
  /** The codes that it may refuse with; another one is a finding. */
  readonly codes: readonly ErrorCode[]
  /** Valid inputs. */
  readonly seeds: readonly Bytes[]
  /** Whole inputs made anew, most of them valid. */
  readonly documents: fc.Arbitrary<Bytes>
  /** Changes that know the form. Changes of bytes come beside them, unless an input is only data about what will be sent. */
  readonly mutators: readonly Mutator[]
  readonly onlyThese?: true
  readonly words: readonly string[]
  /** Paths of the sources whose execution counts as coverage. */
  readonly sources: RegExp
  /** Inputs that one session takes before a fresh one is opened; absent where none leaves anything behind. */
  readonly inputsPerSession?: number
  open(): Session | Promise<Session>
  /** What one input may need at most of memory, and until it is refused, where it is the only one that a process takes (alone.ts); absent where that is not measured. */
  readonly alone?: {
    readonly megabytes: number
    readonly ms: number
    /** Inputs that somebody made to harm. */
    readonly hostile: () => readonly Bytes[]
  }
}

export const bytesOf = (text: string): Bytes => new TextEncoder().encode(text)
