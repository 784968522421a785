/** What every store must do with tasks. */
import assert from 'node:assert/strict'
import { taskRow } from '../testing/rows.ts'
import type { Check } from './store.suite.ts'

/** SQLite's rows have no prototype. */
const plain = <R extends object>(row: R | undefined): R | undefined => (row === undefined ? undefined : { ...row })
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1)
const ids = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id)

export function tasks(check: Check): void {
  check('tasks are found by study, kind and round', async (store) => {
    const rows = [
      taskRow('1', 'b'),
      taskRow('2', 'a'),
      taskRow('3', 'a', { kind: 'evaluate' }),
      taskRow('4', 'a', { round: 2 }),
      taskRow('5', 'a', { study: 'lung' }),
      taskRow('6', 'b', { study: 'lung' }),
    ]
    await store.addTasks(rows)
    await store.addTasks([])
    assert.deepEqual(plain(await store.task('3')), rows[2])
    assert.deepEqual(ids(await store.tasksOf('heart', 'train', 1)), ['2', '1'])
    assert.deepEqual(ids(await store.studyTasks('heart')), ['1', '2', '3', '4'])
    const settled = { state: 'reported' as const, result: null, settled_at: 1 }
    for (const id of ['1', '2']) await store.settleTask(id, settled)
    for (const [id, waits] of [
      ['5', true],
      ['6', false],
    ] as const) {
      assert.equal(await store.waits('lung', 'train', 1), true)
      await store.settleTask(id, settled)
      assert.equal(await store.waits('lung', 'train', 1), waits)
    }
    // A later round's task is waited for too; an earlier one's is not.
    assert.equal(await store.waits('heart', 'train', 1), true)
    assert.equal(await store.waits('heart', 'train', 2), true)
    assert.equal(await store.waits('heart', 'evaluate', 1), true)
    assert.equal(await store.waits('heart', 'evaluate', 2), false)
    assert.equal(await store.waits('heart', 'train', 3), false)
    await store.updateTask('4', { signature: 'another' })
    assert.deepEqual(plain(await store.task('4')), taskRow('4', 'a', { round: 2, signature: 'another' }))
  })

  check('the last 200 failures come, the last one first; and who is waited for, once each', async (store) => {
    const failed = upTo(205).map((number) =>
      taskRow(`f${String(number).padStart(3, '0')}`, 'a', { state: 'failed', issued_at: Math.ceil(number / 5) }),
    )
    const others = [
      taskRow('1', 'b'),
      taskRow('2', 'b-1', { kind: 'evaluate' }),
      taskRow('3', 'ab'),
      taskRow('4', 'b', { round: 2 }),
      taskRow('5', 'c', { state: 'reported' }),
      taskRow('6', 'd', { state: 'late' }),
      taskRow('7', 'e', { study: 'lung' }),
      taskRow('8', 'e', { study: 'lung', state: 'failed' }),
    ]
    await store.addTasks([...failed.toReversed(), ...others])
    assert.deepEqual(ids(await store.lastFailures('heart')), ids(failed.toReversed().slice(0, 200)))
    assert.deepEqual(ids(await store.lastFailures('lung')), ['8'])
    assert.deepEqual(await store.sitesAwaited('heart'), ['ab', 'b', 'b-1'])
    assert.deepEqual(await store.sitesAwaited('nothing'), [])
  })

  check('a task that is given out again has its new document; what is not said stays as it was', async (store) => {
    const moved = { bytes_up: 7, bytes_down: 8 }
    await store.addTasks([taskRow('1', 'a', { ...moved, counted_in: 3, document: '{"id":"1","site":"a"}' })])
    const again = { document: '{"id":"1","later":true,"site":"a"}', signature: 'another', issued_at: 5 }
    await store.updateTask('1', again)
    assert.deepEqual(plain(await store.task('1')), taskRow('1', 'a', { ...moved, counted_in: 3, ...again }))
    const { form: _, ...handedOut } = (await store.openTask('a')) ?? assert.fail()
    assert.deepEqual(handedOut, plain(await store.task('1')))
    const late = { state: 'late', result: null, counted_in: null, settled_at: 9 } as const
    assert.equal(await store.settleTask('1', late), true)
    assert.deepEqual(plain(await store.task('1')), taskRow('1', 'a', { ...moved, ...again, ...late }))
    await store.addTasks([taskRow('2', 'a', { ...moved, counted_in: 3 })])
    const left = { state: 'failed', result: '{}', settled_at: 9 } as const
    assert.equal(await store.settleTask('2', left), true)
    assert.deepEqual(plain(await store.task('2')), taskRow('2', 'a', { ...moved, counted_in: 3, ...left }))
    const more = { ...left, bytes_up: 1, bytes_down: 2 }
    assert.equal(await store.settleTask('2', more), false)
  })

  check('of one form are the open tasks that say the same to their sites, and no others', async (store) => {
    const documentOf = (id: string, site: string, round: number): string =>
      `{"id":"${id}","round":${round},"site":"${site}"}`
    const row = (id: string, site: string, round: number) =>
      taskRow(id, site, { round, document: documentOf(id, site, round), issued_at: round })
    await store.addTasks([row('1', 'a', 1), row('2', 'b', 1), row('3', 'a', 2)])
    const formOf = async (site: string) => (await store.openTask(site))?.form ?? assert.fail()
    assert.equal(await formOf('a'), await formOf('b'))
    const forms = new Map((await store.openTasksOfSite('a')).map(({ id, form }) => [id, form]))
    assert.equal(forms.get('1'), await formOf('a'))
    assert.notEqual(forms.get('1'), forms.get('3'))
    await store.updateTask('1', { document: documentOf('1', 'a', 7) })
    assert.notEqual(await formOf('a'), await formOf('b'))
  })

  check('an update counts in one round, and in no other', async (store) => {
    await store.addTasks([
      taskRow('1', 'b', { round: 2 }),
      taskRow('2', 'a', { round: 3 }),
      taskRow('3', 'b', { round: 4 }),
      taskRow('4', 'a', { round: 2 }),
      taskRow('5', 'a', { round: 3, kind: 'evaluate' }),
      taskRow('6', 'a', { round: 3, study: 'lung' }),
    ])
    assert.deepEqual(ids(await store.trainTasks('heart', { from: 2, to: 3 })), ['4', '2', '1'])
    assert.deepEqual(ids(await store.trainTasks('heart', { from: 3, to: 9 })), ['2', '3'])
    await store.countIn(5, ['1', '2'])
    await store.countIn(6, ['2', '3'])
    await store.countIn(7, [])
    const counted = (await store.trainTasks('heart', { from: 1, to: 9 })).map(({ id, counted_in }) => [id, counted_in])
    assert.deepEqual(counted, [
      ['4', null],
      ['2', 5],
      ['1', 5],
      ['3', 6],
    ])
    await store.settleTask('1', { state: 'late', result: null, settled_at: 1 })
    assert.deepEqual(ids(await store.openTasks('heart')).toSorted(), ['2', '3', '4', '5'])
  })

  check('what may yet count in a round, and what of it is still being trained', async (store) => {
    const reported = { state: 'reported', kind: 'train' } as const
    await store.addTasks([
      taskRow('1', 'a', { round: 2, ...reported, result: 'too old' }),
      taskRow('2', 'a', { round: 3, ...reported, result: 'counted before', counted_in: 4 }),
      taskRow('3', 'a', { round: 3, ...reported, result: 'counted', counted_in: 5 }),
      taskRow('4', 'a', { round: 5, ...reported, result: 'not yet' }),
      taskRow('5', 'b', { round: 5, ...reported, result: 'measured', kind: 'evaluate' }),
      taskRow('6', 'a', { round: 5, ...reported, result: 'of another study', study: 'lung' }),
      taskRow('7', 'b', { round: 5, state: 'failed', result: 'failed' }),
      taskRow('8', 'b', { round: 5 }),
      taskRow('9', 'c', { round: 5 }),
      taskRow('10', 'd', { round: 3 }),
      taskRow('11', 'd', { round: 4, kind: 'evaluate' }),
    ])
    assert.deepEqual((await store.resultsFor('heart', { from: 3, round: 5 })).toSorted(), ['counted', 'not yet'])
    assert.deepEqual((await store.openRounds('heart')).toSorted(), [3, 5])
    assert.deepEqual(await store.openRounds('lung'), [])
  })

  check('of each site the latest round whose update has counted, in this study', async (store) => {
    const counted = { kind: 'train', state: 'reported' } as const
    assert.deepEqual(await store.lastCounted('heart'), new Map())
    await store.addTasks([
      ...[2, 9, 10].map((round) => taskRow(`a${round}`, 'a', { ...counted, round, counted_in: round })),
      taskRow('1', 'b', { ...counted, round: 2, counted_in: 2 }),
      taskRow('2', 'b', { ...counted, round: 3 }),
      // Damaged here, asked for again, and late.
      taskRow('3', 'b', { ...counted, round: 4, counted_in: 4, state: 'late' }),
      taskRow('4', 'b', { ...counted, round: 5, counted_in: 5, kind: 'evaluate' }),
      taskRow('5', 'b', { ...counted, round: 6, counted_in: 6, study: 'lung' }),
      taskRow('6', 'c', { ...counted, round: 1 }),
    ])
    const found = [...(await store.lastCounted('heart'))]
    assert.deepEqual(found.toSorted(), [
      ['a', 10],
      ['b', 2],
    ])
  })

  check('a site gets its oldest open task first', async (store) => {
    await store.addTasks([
      taskRow('z', 'a', { issued_at: 2 ** 41 + 1 }),
      taskRow('y', 'a', { issued_at: 2 ** 41 }),
      taskRow('x', 'b', { issued_at: 0 }),
      taskRow('w', 'a', { issued_at: 0, state: 'late' }),
    ])
    assert.equal((await store.openTask('a'))?.id, 'y')
    assert.deepEqual(ids(await store.openTasksOfSite('a')).toSorted(), ['y', 'z'])
    await store.settleTask('y', { state: 'failed', result: null, settled_at: 5 })
    assert.equal((await store.openTask('a'))?.id, 'z')
  })

  check('a task is settled once, also when several race for it', async (store) => {
    await store.addTasks([taskRow('1', 'a'), taskRow('2', 'a')])
    const change = (time: number) => ({ state: 'reported', result: `{"${time}":1}`, settled_at: time }) as const
    const won = await Promise.all(
      upTo(8).map((time) => store.transaction((tables) => tables.settleTask('1', change(time)))),
    )
    assert.equal(won.filter(Boolean).length, 1)
    const winner = change(won.indexOf(true) + 1)
    assert.deepEqual(plain(await store.task('1')), taskRow('1', 'a', winner))
    assert.equal(await store.settleTask('1', { state: 'late', result: null, settled_at: 9 }), false)
    assert.equal(await store.settleTask('nobody', change(1)), false)
    assert.deepEqual(plain(await store.task('1')), taskRow('1', 'a', winner))
    assert.deepEqual(plain(await store.task('2')), taskRow('2', 'a'))
  })
}
