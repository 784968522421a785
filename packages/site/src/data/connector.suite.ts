/** What every connector must do. Each implementation runs it on sources of its own kind. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Connector } from './connector.ts'

export type Rows = readonly (readonly string[])[]
export type Open = () => Promise<Connector>

export type Source = {
  readonly name: string
  /** Makes a source with these records. */
  create(columns: readonly string[], rows: Rows): Open
  /** Something that is not there. */
  absent: Open
}

export const coded =
  (code: string, parameters: Readonly<Record<string, unknown>> = {}) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof WardroundError, String(error))
    assert.deepEqual({ code: error.code, ...error.parameters }, { code, ...error.parameters, ...parameters })
    return true
  }

export async function allRows(open: Open): Promise<string[][]> {
  const rows: string[][] = []
  for await (const batch of (await open()).batches) rows.push(...batch.map(({ values }) => [...values]))
  return rows
}

export function connectorSuite({ name, create, absent }: Source): void {
  const columns = ['who', 'age', 'note']
  const rows = [
    ['a', '41', 'says "no", twice'],
    ['b', '', 'größer, 名前'],
    ['c', '0.5', 'two\nlines'],
  ]

  test(`${name}: columns and rows come back, in order and unchanged, each time`, async () => {
    const open = create(columns, rows)
    assert.deepEqual((await open()).columns, columns)
    assert.deepEqual(await allRows(open), rows)
    assert.deepEqual(await allRows(open), rows)
  })

  test(`${name}: many rows come in batches, and none is lost between them`, async () => {
    const many = Array.from({ length: 4321 }, (_, index) => [`p${index}`, String(index), ''])
    let [seen, batches] = [0, 0]
    for await (const batch of (await create(columns, many)()).batches) {
      for (const { values } of batch) assert.equal(values[0], `p${seen++}`)
      assert.ok(batch.length <= 2000)
      batches += 1
    }
    assert.ok(seen === 4321 && batches > 1)
  })

  test(`${name}: reading may stop early, and start again`, async () => {
    const many = Array.from({ length: 5000 }, () => ['a', '1', ''])
    const open = create(columns, many)
    for await (const batch of (await open()).batches) {
      assert.ok(batch.length > 0)
      break
    }
    assert.equal((await allRows(open)).length, 5000)
  })

  test(`${name}: a source without records has none, and a source that is not there is an error of its own`, async () => {
    assert.deepEqual(await allRows(create(columns, [])), [])
    await assert.rejects(absent, coded('WR_DATA_MISSING'))
  })
}
