/** Databases take so many values in one statement, and no more: SQLite 32,766, PostgreSQL 65,535. */
const rowsInOne = 500

/** Rows as many as one statement takes at a time. */
export const chunks = <T>(rows: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(rows.length / rowsInOne) }, (_, index) =>
    rows.slice(index * rowsInOne, (index + 1) * rowsInOne),
  )
