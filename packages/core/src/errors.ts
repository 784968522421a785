/**
 * The one error registry. A code is permanent: never renamed, never reused. docs/errors.md lists every code, and a test
 * holds the two against each other. The sentences a person reads are in words/en/errors.ts, one function a code.
 */

import { type ErrorParametersOf, type ErrorSentences, errorWords } from './words/en/errors.ts'

/** How a caller may retry: `transient` try again; `ambiguous` ask first whether it happened; `permanent` do not. */
export type RetryClass = 'transient' | 'ambiguous' | 'permanent'

/** Who may see the parameters of an error: `peer` may cross the wire, `local` stays in the process that raised it. */
export type Exposure = 'peer' | 'local'

type Entry = { readonly status: number; readonly exit: number; readonly retry: RetryClass; readonly exposure: Exposure }

const entry = (status: number, exit: number, rest: Partial<Pick<Entry, 'retry' | 'exposure'>> = {}): Entry => ({
  status,
  exit,
  retry: rest.retry ?? 'permanent',
  exposure: rest.exposure ?? 'peer',
})

/** Exit codes by family: 2 usage, 3 study, 4 data, 5 identity and trust, 6 network, 7 state, 8 this machine, 1 a bug. */
export const registry = {
  WR_INTERNAL: entry(500, 1, { exposure: 'local' }),
  WR_USAGE: entry(400, 2),
  WR_NOT_FOUND: entry(404, 7),
  WR_METHOD: entry(405, 2),
  WR_BODY_INVALID: entry(400, 2),
  WR_BODY_TOO_LARGE: entry(413, 2),
  WR_CANCELLED: entry(499, 130, { retry: 'ambiguous' }),

  WR_STUDY_SYNTAX: entry(422, 3),
  WR_STUDY_INVALID: entry(422, 3),
  WR_STUDY_EXISTS: entry(409, 3),
  WR_STUDY_STATE: entry(409, 3),
  WR_STUDY_FILE: entry(422, 3),
  WR_STUDY_PREFLIGHT: entry(409, 3),
  WR_QUORUM_IMPOSSIBLE: entry(409, 3),
  WR_STUDY_WEIGHTS: entry(409, 3),

  WR_GRAPH_INVALID: entry(422, 3),
  WR_GRAPH_REFUSED: entry(422, 3),
  WR_WEIGHTS_INVALID: entry(422, 3),
  WR_WEIGHTS_SHAPE: entry(422, 3),
  WR_WEIGHTS_NOT_FINITE: entry(422, 3),
  WR_TRAINING_DIVERGED: entry(422, 3),
  WR_TRAINING_FAILED: entry(500, 3, { exposure: 'local' }),

  WR_DATA_MISSING: entry(422, 4, { exposure: 'local' }),
  WR_DATA_UNREADABLE: entry(422, 4, { exposure: 'local' }),
  WR_DATA_EMPTY: entry(422, 4, { exposure: 'local' }),
  WR_DATA_COLUMN: entry(422, 4, { exposure: 'local' }),
  WR_DATA_VALUE: entry(422, 4, { exposure: 'local' }),
  WR_COHORT_TOO_SMALL: entry(422, 4),

  WR_TOKEN_INVALID: entry(401, 5),
  WR_TOKEN_EXPIRED: entry(401, 5),
  WR_TOKEN_USED: entry(401, 5),
  WR_CREDENTIALS: entry(401, 5),
  WR_PROOF_INVALID: entry(401, 5),
  WR_PROOF_CLOCK: entry(401, 5, { retry: 'transient' }),
  // A proof is made anew for each attempt: one from just before a coordinator's restart is refused once.
  WR_PROOF_REPLAYED: entry(401, 5, { retry: 'transient' }),
  WR_SITE_UNKNOWN: entry(401, 5),
  WR_SITE_LEFT: entry(403, 5),
  WR_SITE_EXISTS: entry(409, 5),
  // Nothing was sent. What stands between may go away again: a portal that wants a password, a box that looks into every line.
  WR_CERTIFICATE_PIN: entry(495, 5, { retry: 'transient', exposure: 'local' }),
  WR_SIGNATURE_INVALID: entry(401, 5),
  WR_PLAN_ALTERED: entry(409, 5),
  WR_NOT_APPROVED: entry(403, 5),
  WR_ROUND_REPLAYED: entry(409, 5),
  WR_ROUND_FORGOTTEN: entry(409, 5),
  WR_TASK_EXPIRED: entry(410, 5),
  WR_TASK_FOREIGN: entry(403, 5),
  WR_EGRESS_REFUSED: entry(403, 5),
  WR_CHAIN_BROKEN: entry(500, 5, { exposure: 'local' }),

  WR_UNREACHABLE: entry(503, 6, { retry: 'transient', exposure: 'local' }),
  WR_PROXY: entry(502, 6, { retry: 'transient', exposure: 'local' }),
  WR_CERTIFICATE_EXPIRED: entry(495, 6, { retry: 'transient', exposure: 'local' }),
  WR_UNAVAILABLE: entry(503, 6, { retry: 'transient' }),
  WR_TIMEOUT: entry(504, 6, { retry: 'ambiguous' }),
  WR_VERSION: entry(426, 6),

  WR_TASK_CLOSED: entry(409, 7),
  WR_UPLOAD_OFFSET: entry(409, 7, { retry: 'transient' }),
  WR_DIGEST_MISMATCH: entry(422, 7, { retry: 'transient' }),
  WR_BLOB_MISSING: entry(404, 7, { retry: 'transient' }),
  WR_NOT_JOINED: entry(409, 7, { exposure: 'local' }),
  WR_CONFIG: entry(422, 7, { exposure: 'local' }),
  WR_LOCKED: entry(409, 7, { exposure: 'local' }),
  WR_NOT_EMPTY: entry(409, 7, { exposure: 'local' }),
  WR_BACKUP_INVALID: entry(422, 7, { exposure: 'local' }),

  WR_PORT_IN_USE: entry(500, 8, { exposure: 'local' }),
  WR_PERMISSION: entry(500, 8, { exposure: 'local' }),
  WR_TRAINER_MEMORY: entry(500, 8, { exposure: 'local' }),
  WR_TRAINER_TIME: entry(500, 8, { exposure: 'local' }),
  WR_TRAINER_DENIED: entry(500, 8, { exposure: 'local' }),
  WR_TRAINER_ANSWER: entry(500, 8, { exposure: 'local' }),
  WR_TRAINER_CRASHED: entry(500, 8, { exposure: 'local' }),
  WR_DISK: entry(507, 8, { retry: 'transient', exposure: 'local' }),
  WR_STORE: entry(503, 8, { retry: 'transient', exposure: 'local' }),
  WR_DOWNLOAD: entry(502, 8, { retry: 'transient', exposure: 'local' }),
} as const satisfies Record<string, Entry>

export type ErrorCode = keyof typeof registry

/** Values named in an error's sentences. Never a row's value, a secret or an SQL parameter. */
export type ErrorParameters = Readonly<Record<string, string | number | readonly string[] | undefined>>

type Options = { readonly cause?: unknown }

/** For each code the parameters that its sentences need; left out only where they need none. */
type Arguments = {
  [Code in ErrorCode]: Record<string, never> extends ErrorParametersOf[Code]
    ? [code: Code, parameters?: ErrorParametersOf[Code], options?: Options]
    : [code: Code, parameters: ErrorParametersOf[Code], options?: Options]
}[ErrorCode]

/** The only error that Wardround throws on purpose. */
export class WardroundError extends Error {
  readonly code: ErrorCode
  readonly parameters: ErrorParameters

  constructor(...[code, parameters = {}, options = {}]: Arguments) {
    super(`${code} ${JSON.stringify(parameters)}`, options)
    this.name = 'WardroundError'
    this.code = code
    this.parameters = parameters
  }

  get status(): number {
    return registry[this.code].status
  }

  get retry(): RetryClass {
    return registry[this.code].retry
  }

  get exitCode(): number {
    return registry[this.code].exit
  }

  /** What happened, why, and what to do next. */
  get sentences(): ErrorSentences {
    return sentencesOf(this.code, this.parameters)
  }
}

export const isErrorCode = (value: string): value is ErrorCode => Object.hasOwn(registry, value)

/** The sentences of a code. Parameters that came over a wire may be missing: they read as `undefined`, never fail. */
export const sentencesOf = (code: ErrorCode, parameters: ErrorParameters): ErrorSentences =>
  (errorWords[code] as (given: ErrorParameters) => ErrorSentences)({ ...absentLists, ...parameters })

const absentLists = { issues: [], sites: [], available: [] } as const

/** An error that another process reported; its parameters were parsed, but not checked against the code. */
export function remoteError(code: string, parameters: ErrorParameters): WardroundError {
  const args = isErrorCode(code) ? [code, parameters] : ['WR_INTERNAL', { what: code }]
  return new WardroundError(...(args as unknown as Arguments))
}

/** Anything thrown, as a WardroundError: others become WR_INTERNAL, with the original as cause. */
export const asWardroundError = (error: unknown): WardroundError =>
  error instanceof WardroundError
    ? error
    : new WardroundError(
        'WR_INTERNAL',
        { what: error instanceof Error ? error.name : 'an unknown error' },
        { cause: error },
      )
