/**
 * A disk that takes nothing more, under a real site and under a real coordinator: it is said where a person looks, nothing that could not be written
 * down leaves, and once there is room the study ends with the very weights of the undisturbed one.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readJournal } from '@wardround/site/journal.ts'
import { essence, holdsTogether, type KillFederation, killFederation, type Name, siteNames } from './kill/federation.ts'
import { disk, parsedLong, scratch } from './support.ts'

const rounds = 4

/** No file of the process may grow (setrlimit(2), RLIMIT_FSIZE): the soft limit, which anybody may lift again. Linux has it. */
const limitFiles = (pid: number, bytes: number | 'unlimited'): boolean =>
  spawnSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`], { stdio: 'ignore' }).status === 0
const skip = limitFiles(process.pid, 'unlimited') ? false : 'prlimit is not here'

async function ended(
  name: string,
  disturb: (federation: KillFederation, folder: string) => Promise<void>,
): Promise<unknown> {
  const folder = scratch(name)
  const federation = await killFederation(folder, { store: 'sqlite', plan: parsedLong(rounds).plan })
  for (const site of siteNames) await federation.start(site)
  await federation.begin()
  await disturb(federation, folder)
  while (!(await federation.ended())) await sleep(50)
  const results = await federation.results()
  await federation.close()
  const store = await federation.openStore()
  await holdsTogether(store, folder, { id: federation.study, rounds })
  await store.close()
  return essence(results)
}

let wanted: unknown
before(async () => {
  if (skip === false) wanted = await ended('disks-none', async () => undefined)
})

async function until(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (await look()) return
    await sleep(50)
  }
  throw new Error(`It never came: ${what}`)
}

const saidBy = (federation: KillFederation, name: Name) => (text: string | RegExp) => (): boolean =>
  federation.life(name).output().search(text) >= 0

test('a site whose disk is full says so, sends nothing, and goes on when there is room', {
  skip,
  timeout: 120_000,
}, async () => {
  const found = await ended('disks-site', async (federation, folder) => {
    const { pid } = federation.life('north')
    const said = saidBy(federation, 'north')
    await until('work', said('training round 1'))
    assert.ok(limitFiles(pid, 0))
    await until('waiting', said(/waiting: .*north.* cannot be written/))
    const told = async (): Promise<boolean> =>
      (await federation.events()).some(
        ({ kind, payload }) => kind === 'task.waiting' && 'site' in payload && payload.site === 'north',
      )
    await until('the researcher sees it', told)
    const journal = join(folder, 'north', 'journal.ndjson')
    const { size } = statSync(journal)
    const reported = async (): Promise<number> =>
      (await federation.events()).filter(
        ({ kind, payload }) => kind === 'task.reported' && 'site' in payload && payload.site === 'north',
      ).length
    const before = await reported()
    await sleep(1000)
    assert.deepEqual([statSync(journal).size, await reported()], [size, before])
    assert.equal(readJournal(disk, journal).broken, undefined)
    assert.ok(limitFiles(pid, 'unlimited'))
    await until('work again', said('working again'))
  })
  assert.deepEqual(found, wanted)
})

test('a coordinator whose disk is full says so, refuses for now, and goes on when there is room', {
  skip,
  timeout: 120_000,
}, async () => {
  const found = await ended('disks-coordinator', async (federation) => {
    const { pid } = federation.life('coordinator')
    await until('work', saidBy(federation, 'north')('training round 1'))
    assert.ok(limitFiles(pid, 0))
    await until('the log', saidBy(federation, 'coordinator')(/"code":"WR_(STORE|DISK)"/))
    await until('a site waits', () =>
      siteNames.some((name) => saidBy(federation, name)(/waiting: The coordinator cannot take this in now/)()),
    )
    // What only reads is answered.
    assert.equal(await federation.ended(), false)
    await sleep(500)
    assert.ok(limitFiles(pid, 'unlimited'))
  })
  assert.deepEqual(found, wanted)
})

test('a coordinator that is killed while its disk is full comes back whole', { skip, timeout: 120_000 }, async () => {
  const found = await ended('disks-killed', async (federation) => {
    await until('work', saidBy(federation, 'north')('training round 1'))
    assert.ok(limitFiles(federation.life('coordinator').pid, 0))
    await until('the log', saidBy(federation, 'coordinator')(/"code":"WR_(STORE|DISK)"/))
    federation.life('coordinator').kill('SIGKILL')
    await federation.life('coordinator').end
    await federation.start('coordinator')
  })
  assert.deepEqual(found, wanted)
})
