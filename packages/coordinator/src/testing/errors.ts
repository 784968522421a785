/** What a refusal must look like. */
import assert from 'node:assert/strict'
import { WardroundError } from '@wardround/core/errors.ts'

/** For assert.rejects() and assert.throws(): the code, and these parameters among its own. */
export const coded =
  (code: string, parameters: Readonly<Record<string, unknown>> = {}) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof WardroundError, String(error))
    assert.equal(error.code, code, `${error} ${String(error.cause)}`)
    for (const [name, value] of Object.entries(parameters)) assert.equal(error.parameters[name], value)
    return true
  }
