/** Which errors of a driver mean that the database is out of reach for now; all others are faults of ours. */
import { WardroundError } from '@wardround/core/errors.ts'
import type { DialectName } from './migrations.ts'

const names = { sqlite: 'SQLite', postgres: 'PostgreSQL' } as const

export const storeFailure = (dialect: DialectName, error: unknown): WardroundError =>
  new WardroundError('WR_STORE', { store: names[dialect], reason: reasonOf(error) }, { cause: error })

/** What a driver complains about; where it tried several addresses, what the first of them said. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  return error instanceof Error && error.message !== '' ? error.message : 'It does not answer.'
}

/** WR_STORE, which is tried again, for a database that is out of reach; anything else as it is. Their messages name no values. */
export const storeError = (dialect: DialectName, error: unknown): unknown =>
  (dialect === 'sqlite' ? sqliteOut(error) : postgresOut(error)) ? storeFailure(dialect, error) : error

/** SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN (sqlite.org/rescode.html), extended codes included. */
const sqliteOut = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && [8, 10, 13, 14].includes(Number(error.errcode) & 255)

/**
 * The line is cut, or SQLSTATE class 08 (connection), 40 (rolled back for another), 53 (resources), 57 (operator), 58 (system):
 * PostgreSQL, appendix A.
 */
function postgresOut(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError) return error.errors.some(postgresOut)
  // The driver's own errors have no code.
  if (
    /^(?:Connection terminated|Client has encountered a connection error|Client was closed|timeout)/.test(error.message)
  )
    return true
  const code = 'code' in error ? String(error.code) : ''
  return /^(?:08|40|53|57|58)...$/.test(code) || /^E[A-Z]+$/.test(code)
}
