/** A command that was typed wrongly; `command` is the one whose help says how it goes. */
import { WardroundError } from '@wardround/core/errors.ts'

export const usageOf =
  (command: string) =>
  (problem: string): WardroundError =>
    new WardroundError('WR_USAGE', { problem, command })
