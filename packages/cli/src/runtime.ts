/** What the commands get from the world; main.ts makes the real one. */
import type { SiteWorld } from '@wardround/core/ports.ts'

export type Output = {
  write(text: string): void
  readonly isTTY: boolean
  readonly columns: number
}

export type Runtime = SiteWorld & {
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  readonly version: string
  /** When the process started, in milliseconds since the epoch. */
  readonly startedAt: number
  /** The program and its arguments, to start it again as another process. */
  readonly self: readonly [program: string, main: string]
}
