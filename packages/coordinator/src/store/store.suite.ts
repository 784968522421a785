/** What every store must do, whatever database is beneath it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ChainEntry, firstBroken, genesis } from '@wardround/core/protocol/chain.ts'
import type { NewEvent } from '@wardround/core/protocol/events.ts'
import fc from 'fast-check'
import { coded } from '../testing/errors.ts'
import { decisionRow, roundRow, siteRow, studyRow, taskRow } from '../testing/rows.ts'
import { copies } from './copies.suite.ts'
import { latestVersion } from './migrations.ts'
import type { StoreOptions } from './open.ts'
import { references } from './references.suite.ts'
import { openStore, type Store } from './store.ts'
import { tasks } from './tasks.suite.ts'

export type StorePlace = {
  readonly options: StoreOptions
  /** Runs a statement behind the store's back, while it is closed. Absent where nothing outlives a closed store. */
  readonly execute?: (statement: string) => Promise<void>
}

const at = '2026-01-01T12:00:00.000Z'
const open = ({ options }: StorePlace): Promise<Store> => openStore(options, () => at)
const joined = (site: string): NewEvent => ({ kind: 'site.joined', study: null, payload: { site } })
const published = (study: string): NewEvent => ({ kind: 'study.published', study, payload: { planHash: 'a' } })
const all = { after: 0, limit: 1_000_000 }
const sequences = async (store: Store): Promise<number[]> => (await store.events(all)).map(({ sequence }) => sequence)
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1)
const names = (rows: readonly { site: string }[]): string[] => rows.map(({ site }) => site)
/** SQLite's rows have no prototype. */
const plain = <R extends object>(row: R | undefined): R | undefined => (row === undefined ? undefined : { ...row })
const plainly = <R extends object>(rows: readonly R[]): R[] => rows.map((row) => ({ ...row }))
const ids = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id)

/** By code unit: `-` (U+002D) before digits, digits before letters, whatever a language thinks of hyphens. */
const inOrder = ['a', 'a-c', 'a-z', 'a0', 'ab', 'b', 'b-1', 'b1']
const shuffled = ['ab', 'b-1', 'a', 'b1', 'a-z', 'b', 'a0', 'a-c']

/** `place` gives an empty one each time. `outlives`: what was written is there when the store is opened again. */
export function storeSuite(
  name: string,
  { place, outlives }: { place: () => Promise<StorePlace>; outlives: boolean },
): void {
  const check = (title: string, holds: (store: Store, where: StorePlace) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const where = await place()
      const store = await open(where)
      try {
        await holds(store, where)
      } finally {
        await store.close()
      }
    })
  }
  people(check)
  studies(check)
  tasks(check)
  references(check)
  transactions(check)
  records(check)
  copies(check)
  if (outlives) persistence(name, place)
}

export type Check = (title: string, holds: (store: Store, where: StorePlace) => Promise<void>) => void

function people(check: Check): void {
  check('an empty store knows nobody', async (store) => {
    assert.equal(await store.site('a'), undefined)
    assert.equal(await store.study('a'), undefined)
    assert.equal(await store.task('a'), undefined)
    assert.equal(await store.openTask('a'), undefined)
    assert.equal(await store.token('a'), undefined)
    const lists = await Promise.all([
      store.sites(),
      store.accounts(),
      store.studies(),
      store.decisions('a'),
      store.rounds('a'),
      store.tasksOf('a', 'train', 1),
      store.studyTasks('a'),
      store.openTasksOfSite('a'),
      store.blobRefs('a'),
      store.events(all),
      store.auditEntries(0, 10),
    ])
    assert.deepEqual(lists.flat(), [])
    assert.equal(await store.lastSequence(), 0)
  })

  check('a site is kept, changed, and may come back under its name with a new key', async (store) => {
    await store.putSite(siteRow('a'))
    await store.putSite(siteRow('b'))
    await store.updateSite('a', { state: 'left' })
    assert.deepEqual(plain(await store.site('a')), siteRow('a', { state: 'left' }))
    assert.deepEqual(plain(await store.site('b')), siteRow('b'))
    const back = siteRow('a', { public_key: 'another', version: '0.2.0' })
    await store.putSite(back)
    assert.deepEqual(plainly(await store.sites()), [back, siteRow('b')])
  })

  check("sites, decisions and tasks come in order of code unit, whatever the database's collation", async (store) => {
    for (const site of shuffled) {
      await store.putSite(siteRow(site))
      await store.putDecision(decisionRow('heart', site))
    }
    await store.addTasks(shuffled.map((site) => taskRow(`heart-train-1-${site}`, site)))
    assert.deepEqual(
      (await store.sites()).map(({ name }) => name),
      inOrder,
    )
    assert.deepEqual(names(await store.decisions('heart')), inOrder)
    assert.deepEqual(names(await store.tasksOf('heart', 'train', 1)), inOrder)
    assert.deepEqual(names(await store.studyTasks('heart')), inOrder)
  })

  check('a token is used once, also when several race for it', async (store) => {
    const token = { secret_sha256: 'x', site: 'a', expires_at: 2 ** 52, used_at: null }
    await store.addToken(token)
    await store.addToken({ ...token, secret_sha256: 'y' })
    assert.deepEqual(plain(await store.token('x')), token)
    assert.equal(await store.useToken('nobody', 1), false)
    const won = await Promise.all(upTo(8).map((time) => store.useToken('x', time)))
    assert.equal(won.filter(Boolean).length, 1)
    assert.equal((await store.token('x'))?.used_at, won.indexOf(true) + 1)
    const inTransactions = upTo(8).map((time) => store.transaction((tables) => tables.useToken('y', time)))
    assert.equal((await Promise.all(inTransactions)).filter(Boolean).length, 1)
  })

  check('accounts are added, each name once', async (store) => {
    await store.addAccount({ name: 'admin', secret_sha256: 'x' })
    await store.addAccount({ name: 'researcher', secret_sha256: 'y' })
    await assert.rejects(store.addAccount({ name: 'admin', secret_sha256: 'z' }))
    const secrets = Object.fromEntries((await store.accounts()).map((row) => [row.name, row.secret_sha256]))
    assert.deepEqual(secrets, { admin: 'x', researcher: 'y' })
  })
}

function studies(check: Check): void {
  const full = studyRow('heart-1', {
    invited: '["a"]',
    preparation: '{"columns":[]}',
    preparation_hash: 'b'.repeat(64),
    findings: '{"a":[]}',
    outcome: 'completed',
    stopped_because: 'converged',
    started_at: Date.UTC(2026, 0, 1),
    ended_at: Date.UTC(2099, 0, 1),
    results: '{"µ":"Δ 東 🩺"}',
  })

  check('a study comes back as it was put in, and a change touches that study only', async (store) => {
    await store.addStudy(full)
    await store.addStudy(studyRow('heart-2'))
    assert.deepEqual(plain(await store.study('heart-1')), full)
    await store.updateStudy('heart-2', { state: 'running', stop_requested: 1 })
    assert.deepEqual(plain(await store.study('heart-1')), full)
    assert.deepEqual(plain(await store.study('heart-2')), studyRow('heart-2', { state: 'running', stop_requested: 1 }))
    await assert.rejects(store.addStudy(studyRow('heart-1')))
    assert.deepEqual(plain(await store.study('heart-1')), full)
  })

  check('studies come in order of publication, then of name', async (store) => {
    const day = (number: number): string => `2026-01-0${number}T00:00:00.000Z`
    for (const [id, published_at] of [
      ['c', day(2)],
      ['ab', day(1)],
      ['a-c', day(1)],
      ['z', day(3)],
    ] as const)
      await store.addStudy(studyRow(id, { published_at }))
    assert.deepEqual(ids(await store.studies()), ['a-c', 'ab', 'c', 'z'])
  })

  check("bytes of a study's tasks add up, beyond 32 bits; of no task they are none", async (store) => {
    assert.deepEqual(await store.traffic('heart'), { up: 0, down: 0 })
    await store.addTasks([
      ...upTo(10).map((number) => taskRow(`t${number}`, 'a')),
      taskRow('x', 'a', { study: 'lung' }),
    ])
    const settled = { state: 'reported', result: null, settled_at: 1, bytes_down: 3 } as const
    for (const up of upTo(10)) await store.settleTask(`t${up}`, { ...settled, bytes_up: up * 2 ** 40 })
    await store.settleTask('x', { ...settled, bytes_up: 1 })
    // 1 + 2 + … + 10 = 55
    assert.deepEqual(await store.traffic('heart'), { up: 55 * 2 ** 40, down: 30 })
  })

  check("a site's last word on a study counts", async (store) => {
    await store.putDecision(decisionRow('heart', 'a', { decision: 'refused', reason: 'No ethics vote.' }))
    await store.putDecision(decisionRow('lung', 'a'))
    await store.putDecision(decisionRow('heart', 'a', { grant: '{"second":1}', signature: 'again' }))
    assert.deepEqual(plainly(await store.decisions('heart')), [
      decisionRow('heart', 'a', { grant: '{"second":1}', signature: 'again' }),
    ])
    assert.deepEqual(plainly(await store.decisions('lung')), [decisionRow('lung', 'a')])
  })

  check('text of any language is kept as it is', async (store) => {
    const letter = fc.constantFrom('a', "'", '"', '\\', '\n', '\t', '\u0001', 'é', 'e\u0301', '東', '🩺', '\u{10FFFF}')
    const text = fc.string({ unit: letter, maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(text, async (reason) => {
        await store.putDecision(decisionRow('heart', 'a', { decision: 'refused', reason }))
        assert.equal((await store.decisions('heart'))[0]?.reason, reason)
      }),
      { numRuns: 50 },
    )
  })

  check('rounds come in order of number, and values keep every bit', async (store) => {
    const value = 0.1 + 0.2
    for (const number of [10, 9, 1]) await store.putRound(roundRow('heart', number))
    await store.putRound(roundRow('lung', 9))
    const change = { phase: 'completed', value, deadline_at: 2 ** 52, strategy_state: '{}' } as const
    await store.updateRound({ study: 'heart', number: 9 }, change)
    assert.deepEqual(plainly(await store.rounds('heart')), [
      roundRow('heart', 1),
      roundRow('heart', 9, change),
      roundRow('heart', 10),
    ])
    assert.deepEqual(plainly(await store.rounds('lung')), [roundRow('lung', 9)])
    assert.deepEqual(await store.lastRound('heart'), (await store.rounds('heart')).at(-1))
    assert.deepEqual(await store.round('heart', 9), (await store.rounds('heart'))[1])
    assert.equal(await store.round('heart', 2), undefined)
    assert.equal(await store.lastRound('nothing'), undefined)
    await store.putRound(roundRow('heart', 9, { phase: 'abandoned' }))
    assert.deepEqual(plain((await store.rounds('heart'))[1]), roundRow('heart', 9, { phase: 'abandoned' }))
    assert.deepEqual(plainly(await store.rounds('lung')), [roundRow('lung', 9)])
  })
}

function transactions(check: Check): void {
  check('a transaction gives back what its work gives', async (store) => {
    assert.equal(await store.transaction(async () => 'result'), 'result')
  })

  check('a transaction that fails leaves nothing: no state, no event, no audit', async (store) => {
    await store.addStudy(studyRow('heart'))
    await store.transaction((tables) => tables.event(published('heart')))
    let heard = 0
    store.onEvents(() => {
      heard += 1
    })
    const work = store.transaction(async (tables) => {
      await tables.updateStudy('heart', { state: 'running' })
      await tables.addTasks([taskRow('1', 'a')])
      await tables.event(joined('a'))
      await tables.audit('site.joined', { site: 'a' })
      assert.equal((await tables.study('heart'))?.state, 'running')
      throw new Error('the process dies here')
    })
    await assert.rejects(work, /the process dies here/)
    assert.equal((await store.study('heart'))?.state, 'published')
    assert.equal(await store.task('1'), undefined)
    assert.deepEqual(await sequences(store), [1])
    assert.deepEqual(await store.auditEntries(0, 10), [])
    assert.equal(heard, 0)
  })

  check('so does one whose last statement the database refuses', async (store) => {
    await store.addStudy(studyRow('heart'))
    const work = store.transaction(async (tables) => {
      await tables.event(joined('a'))
      await tables.audit('site.joined', { site: 'a' })
      await tables.addStudy(studyRow('heart'))
    })
    await assert.rejects(work)
    assert.deepEqual(await sequences(store), [])
    assert.deepEqual(await store.auditEntries(0, 10), [])
    await store.transaction((tables) => tables.event(joined('b')))
    assert.deepEqual(await sequences(store), [1])
  })

  check(
    'transactions at once: sequences without a gap, a chain that holds, nothing of those that fail',
    async (store) => {
      const work = upTo(24).map((number) =>
        store.transaction(async (tables) => {
          await tables.event(joined(`site-${number}`))
          await tables.audit('first', { number })
          await tables.event(joined(`site-${number}-again`))
          await tables.audit('second', { number })
          if (number % 3 === 0) throw new Error('refused')
          return number
        }),
      )
      const settled = await Promise.allSettled(work)
      const done = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      assert.deepEqual(
        done,
        upTo(24).filter((number) => number % 3 !== 0),
      )
      const events = await store.events(all)
      assert.deepEqual(
        events.map(({ sequence }) => sequence),
        upTo(32),
      )
      // The two events of one transaction stand together: nobody comes between.
      for (const [index, event] of events.entries()) {
        const next = events[index + 1]
        if (index % 2 === 1 || event.kind !== 'site.joined' || next?.kind !== 'site.joined') continue
        assert.equal(next.payload.site, `${event.payload.site}-again`)
      }
      const entries = await store.auditEntries(0, 1000)
      assert.equal(entries.length, 32)
      assert.equal(firstBroken(entries), undefined)
    },
  )

  check('listeners hear of events after the commit, once for each transaction that has any', async (store) => {
    const heard: Promise<number>[] = []
    const stop = store.onEvents(() => void heard.push(store.lastSequence()))
    await store.transaction(async (tables) => {
      await tables.event(joined('a'))
      await tables.event(joined('b'))
      assert.equal(heard.length, 0)
    })
    await store.transaction((tables) => tables.putSite(siteRow('a')))
    assert.deepEqual(await Promise.all(heard), [2])
    stop()
    await store.transaction((tables) => tables.event(joined('c')))
    assert.equal(heard.length, 1)
  })
}

function records(check: Check): void {
  check('events come back as they went in, after a sequence, of one study, so many', async (store) => {
    await store.transaction(async (tables) => {
      for (const event of [joined('a'), published('heart'), joined('b'), published('lung'), published('heart')])
        await tables.event(event)
    })
    assert.deepEqual(await store.events({ after: 1, limit: 2 }), [
      { sequence: 2, at, ...published('heart') },
      { sequence: 3, at, ...joined('b') },
    ])
    const ofHeart = await store.events({ after: 0, study: 'heart', limit: 10 })
    assert.deepEqual(
      ofHeart.map(({ sequence }) => sequence),
      [2, 5],
    )
    assert.deepEqual(await store.events({ after: 5, limit: 10 }), [])
    assert.equal(await store.lastSequence(), 5)
  })

  check('as many tasks and events at once as thousands of sites make, in order', async (store) => {
    const sites = upTo(7000).map((number) => `site-${number}`)
    await store.transaction(async (tables) => {
      await tables.event(joined('first'))
      await tables.addTasks(sites.slice(0, 3000).map((site) => taskRow(`of ${site}`, site)))
      await tables.event(...sites.map(joined))
      await tables.event(joined('last'))
    })
    assert.equal((await store.tasksOf('heart', 'train', 1)).length, 3000)
    const events = await store.events(all)
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      upTo(7002),
    )
    assert.deepEqual(
      events.map(({ payload }) => 'site' in payload && payload.site),
      ['first', ...sites, 'last'],
    )
  })

  check('the audit is a chain from its first entry, read in pages', async (store) => {
    for (const number of upTo(5)) await store.transaction((tables) => tables.audit('counted', { number, text: 'é"' }))
    const entries = await store.auditEntries(0, 100)
    assert.equal(firstBroken(entries), undefined)
    assert.equal(entries[0]?.previous, genesis)
    assert.deepEqual(
      entries.map(({ body }) => body),
      upTo(5).map((number) => ({ number, text: 'é"' })),
    )
    const pages: ChainEntry[] = [...(await store.auditEntries(0, 2)), ...(await store.auditEntries(2, 100))]
    assert.deepEqual(pages, entries)
  })
}

const tampering = {
  body: `body = '{"site":"mallory"}'`,
  'body, no JSON': `body = 'mallory'`,
  kind: `kind = 'site.left'`,
  at: `at = '2025-12-31T00:00:00.000Z'`,
  hash: `hash = '${'0'.repeat(64)}'`,
  previous: `previous = '${'0'.repeat(64)}'`,
} as const

function persistence(name: string, place: () => Promise<StorePlace>): void {
  const filled = async (where: StorePlace): Promise<void> => {
    const store = await open(where)
    for (const site of ['a', 'b', 'c'])
      await store.transaction(async (tables) => {
        await tables.putSite(siteRow(site))
        await tables.event(joined(site))
        await tables.audit('site.joined', { site })
      })
    await store.close()
  }

  test(`${name}: what was committed is there when it is opened again, and is not migrated twice`, async () => {
    const where = await place()
    await filled(where)
    for (let turn = 0; turn < 2; turn++) {
      const store = await open(where)
      assert.equal((await store.sites()).length, 3)
      assert.deepEqual(await sequences(store), [1, 2, 3])
      assert.equal(firstBroken(await store.auditEntries(0, 10)), undefined)
      await store.close()
    }
  })

  test(`${name}: a task has its document when it is opened again, by itself and of many`, async () => {
    const where = await place()
    const documentOf = (id: string, site: string): string => `{"id":"${id}","site":"${site}","weights":"w"}`
    const rows = ['a', 'b'].map((site) => taskRow(`t-${site}`, site, { document: documentOf(`t-${site}`, site) }))
    const before = await open(where)
    await before.transaction((tables) => tables.addTasks(rows))
    await before.updateTask('t-b', { document: '{"id":"t-b","again":true}' })
    await before.close()
    const store = await open(where)
    assert.equal((await store.openTask('a'))?.document, documentOf('t-a', 'a'))
    assert.equal((await store.task('t-b'))?.document, '{"id":"t-b","again":true}')
    await store.close()
  })

  test(`${name}: an audit row that was changed, removed or swapped is found`, async () => {
    for (const [column, change] of Object.entries(tampering)) {
      const where = await place()
      await filled(where)
      await where.execute?.(`update audit set ${change} where sequence = 2`)
      const store = await open(where)
      assert.equal(firstBroken(await store.auditEntries(0, 10)), 2, column)
      await store.close()
    }
    const where = await place()
    await filled(where)
    await where.execute?.('delete from audit where sequence = 2')
    const store = await open(where)
    assert.equal(firstBroken(await store.auditEntries(0, 10)), 2)
    await store.close()
  })

  test(`${name}: a store of a newer version is refused, untouched, and let go of`, async () => {
    const where = await place()
    await filled(where)
    const newer = String(latestVersion + 1)
    await where.execute?.(`update meta set value = '${newer}' where key = 'version'`)
    const refused = coded('WR_VERSION', { theirs: `store ${newer}`, ours: `store ${latestVersion}` })
    await assert.rejects(open(where), refused)
    await assert.rejects(open(where), refused)
    await where.execute?.(`update meta set value = '${latestVersion}' where key = 'version'`)
    const store = await open(where)
    assert.equal((await store.sites()).length, 3)
    await store.close()
  })
}
