/** Queries whose text is made once: building it anew costs several times as much as SQLite takes to answer. */
import { WardroundError } from '@wardround/core/errors.ts'
import type { Compilable, CompiledQuery, Kysely, QueryResult } from 'kysely'

type Values = Readonly<Record<string, unknown>>
type Made<Row> = { readonly query: CompiledQuery<Row>; readonly fill: (given: Values) => unknown[] }

/**
 * `build` is called once for each database, with a stand-in for each value: it must put every value into the query as it is, and never look at
 * one. Errors: WR_INTERNAL for one that was looked at and not put there, and for one that is not given later.
 */
export function prepared<DB, Given extends Values, Row>(
  build: (db: Kysely<DB>, given: Given) => Compilable<Row>,
): (db: Kysely<DB>, given: Given) => Promise<QueryResult<Row>> {
  // By adapter: a transaction has that of its database.
  const made = new WeakMap<object, Made<Row>>()
  return (db, given) => {
    const { adapter } = db.getExecutor()
    const known = made.get(adapter) ?? make(db, build)
    made.set(adapter, known)
    return db.executeQuery({ ...known.query, parameters: known.fill(given) })
  }
}

function make<DB, Given extends Values, Row>(
  db: Kysely<DB>,
  build: (db: Kysely<DB>, given: Given) => Compilable<Row>,
): Made<Row> {
  const places = new Map<unknown, string>()
  const standIns = new Proxy({} as Given, {
    get(_, name) {
      const place = {}
      places.set(place, String(name))
      return place
    },
  })
  const query = build(db, standIns).compile()
  const names = query.parameters.map((value) => places.get(value))
  for (const name of places.values()) if (!names.includes(name)) throw misused(name)
  const givenFor = (given: Values, name: string): unknown => {
    const value = given[name]
    if (value === undefined) throw misused(name)
    return value
  }
  return {
    query,
    fill: (given) =>
      query.parameters.map((value, at) => (names[at] === undefined ? value : givenFor(given, names[at]))),
  }
}

const misused = (name: string): WardroundError =>
  new WardroundError('WR_INTERNAL', { what: `a prepared query's ${name}` })
