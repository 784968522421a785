/** What a copy of a store must be, whatever database is beneath it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { NewEvent } from '@wardround/core/protocol/events.ts'
import { decisionRow, taskRow } from '../testing/rows.ts'
import { scratch } from '../testing/scratch.ts'
import type { Check } from './store.suite.ts'
import { openStore } from './store.ts'

const at = '2026-01-01T12:00:00.000Z'
const all = { after: 0, limit: 1_000_000 }
const joined = (site: string): NewEvent => ({ kind: 'site.joined', study: null, payload: { site } })
/** SQLite's rows have no prototype. */
const plain = <R extends object>(row: R | undefined): R | undefined => (row === undefined ? undefined : { ...row })
const plainly = <R extends object>(rows: readonly R[]): R[] => rows.map((row) => ({ ...row }))

export function copies(check: Check): void {
  check('a copy that is made while transactions go on has no half of any', async (store) => {
    const rows = Array.from({ length: 40 }, (_, index) => ({ sha256: `${index}`, bytes: new Uint8Array(1 << 17) }))
    await store.transaction(async (tables) => {
      for (const row of rows) await tables.putBlob(row)
    })
    for (let time = 0; time < 5; time++) {
      const path = join(scratch(), 'copy.sqlite')
      let made = false
      const copying = store.copyTo(path).finally(() => {
        made = true
      })
      for (let transactions = 0; !made; transactions++) {
        assert.ok(transactions < 2000, 'it does not come to its end')
        await store.transaction(async (tables) => {
          for (let event = 0; event < 10; event++) await tables.event(joined('a'))
        })
        await new Promise((resolve) => setImmediate(resolve))
      }
      await copying
      const copy = await openStore({ kind: 'sqlite', path }, () => at)
      assert.equal((await copy.events(all)).length % 10, 0)
      await copy.close()
    }
  })

  check(
    'a copy has every row, however many there are, and what is written while it is made is in it whole or not',
    async (store) => {
      const sites = Array.from({ length: 130 }, (_, index) => `s${index}`)
      await store.transaction(async (tables) => {
        await tables.event(...sites.map(joined), ...sites.map(joined))
        for (const study of ['b', 'a']) for (const site of sites) await tables.putDecision(decisionRow(study, site))
        await tables.putBlob({ sha256: 'x', bytes: Uint8Array.of(0, 255, 7) })
        await tables.addTasks([taskRow('t', 'a', { document: '{"id":"t","site":"a","more":1}' })])
      })
      const path = join(scratch(), 'copy.sqlite')
      const copying = store.copyTo(path)
      await store.transaction(async (tables) => {
        await tables.event(joined('late'))
        await tables.audit('late', {})
      })
      await copying
      const copy = await openStore({ kind: 'sqlite', path }, () => at)
      const [late] = await copy.auditEntries(0, 10)
      const wanted = (await store.events(all)).slice(0, late === undefined ? -1 : undefined)
      assert.deepEqual(await copy.events(all), wanted)
      for (const study of ['a', 'b'])
        assert.deepEqual(plainly(await copy.decisions(study)), plainly(await store.decisions(study)))
      assert.deepEqual(Uint8Array.from((await copy.blob('x')) ?? []), Uint8Array.of(0, 255, 7))
      assert.deepEqual(plain(await copy.task('t')), plain(await store.task('t')))
      await copy.close()
    },
  )
}
