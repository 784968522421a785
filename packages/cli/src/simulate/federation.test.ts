/** Whole federations in one process, on a clock that jumps when everybody sleeps: hours of waiting in no time. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import type { Clock } from '@wardround/core/ports.ts'
import type { StoredEvent } from '@wardround/core/protocol/events.ts'
import { type ParsedStudy, validatePlan } from '@wardround/core/protocol/plan.ts'
import { parseConfig } from '@wardround/site/config.ts'
import { readJournal } from '@wardround/site/journal.ts'
import { realDisk } from '@wardround/site/real-disk.ts'
import { testCsv, testEntropy, testPlan, testTrainer } from '@wardround/site/testing/hospital.ts'
import { ed25519 } from '@wardround/site/testing/keys.ts'
import type { Trainer } from '@wardround/site/training/trainer.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import { type SimulatedSite, simulate } from './federation.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-simulate-'))
after(() => rmSync(folder, { recursive: true }))

const disk = realDisk()
const names = ['north', 'south', 'west']
const sites = names.map((name): SimulatedSite => {
  const dataFolder = join(folder, 'data', name)
  mkdirSync(dataFolder, { recursive: true })
  writeFileSync(join(dataFolder, 'data.csv'), testCsv())
  return {
    name,
    dataFolder,
    config: parseConfig('data: { file: data.csv }\npolicy: { minimumCohort: 5 }', 'site.yaml'),
  }
})

const study = (rounds: Record<string, unknown>): ParsedStudy => validatePlan({ ...testPlan, rounds })

/** Hospitals that take a training task and are never heard of again. */
function deaf(trainer: Trainer, clock: Clock, silent: readonly string[]): Trainer {
  return {
    ...trainer,
    async train(request, options = {}) {
      const [, , site] = request.labels
      if (!silent.includes(String(site)) || request.labels[1] !== 'train') return trainer.train(request, options)
      await clock.sleep(1000 * day, options.signal)
      throw new WardroundError('WR_CANCELLED')
    },
  }
}
const hour = 3_600_000
const day = 24 * hour

/** Hospitals that need so long for each training task. */
function slow(trainer: Trainer, clock: Clock, takesMs: Readonly<Record<string, number>>): Trainer {
  return {
    ...trainer,
    async train(request, options = {}) {
      const [, kind, site] = request.labels
      if (kind === 'train') await clock.sleep(takesMs[String(site)] ?? 0, options.signal)
      return trainer.train(request, options)
    },
  }
}

type Setting = {
  readonly name: string
  readonly parsed: ParsedStudy
  readonly silent?: readonly string[]
  readonly takesMs?: Readonly<Record<string, number>>
}

async function federate(taking: readonly SimulatedSite[], { name, parsed, silent = [], takesMs = {} }: Setting) {
  // Each site and a watcher wait for news, and the coordinator for the deadline.
  const clock = virtualClock(taking.length + 2)
  const own = join(folder, name)
  const events: StoredEvent[] = []
  const results = await simulate(
    {
      parsed,
      sites: taking,
      folder: own,
      trainer: slow(deaf(testTrainer(), clock, silent), clock, takesMs),
      clock,
      entropy: testEntropy(),
      ed25519,
      disk,
      version: '0.1.0',
      signal: new AbortController().signal,
      onEvent: (event) => void events.push(event),
      log: () => undefined,
    },
    async ({ results: found }) => found,
  )
  return { results, events, folder: own, passedMs: clock.now() - Date.UTC(2026, 0, 1) }
}

const lateOf = (events: readonly StoredEvent[]) =>
  events.flatMap((event) =>
    event.kind === 'round.ended' ? event.payload.sites.filter(({ state }) => state === 'late') : [],
  )

/** Time may jump while the coordinator is still at its desk: by polls, which last seconds. */
const slackMs = 300_000

test('a hospital that never answers is waited for until each deadline; the study completes partially without it', async () => {
  const parsed = study({ maximum: 1, quorum: 2, deadline: '2h' })
  const { results, events, passedMs } = await federate(sites, { name: 'deaf', parsed, silent: ['west'] })
  assert.equal(results.outcome, 'completed partially')
  assert.deepEqual(results.contributed, ['north', 'south'])
  assert.deepEqual(results.expected, names)
  const [late, ...more] = lateOf(events)
  assert.deepEqual([late?.site, more], ['west', []])
  assert.ok(Math.abs((late?.seconds ?? 0) * 1000 - 2 * hour) < slackMs, `${late?.seconds} s`)
  // The round, and the comparison, which may take as long as all rounds together.
  assert.ok(passedMs >= 4 * hour && passedMs < 4 * hour + slackMs, `${passedMs / hour} h`)
  // Those who answer get the weights that they would have had by themselves.
  const alone = await federate(sites.slice(0, 2), { name: 'without-deaf', parsed })
  assert.equal(alone.results.outcome, 'completed')
  assert.equal(results.weightsSha256, alone.results.weightsSha256)
})

test('below its quorum a round is thrown away at the deadline, and the study is abandoned', async () => {
  const parsed = study({ maximum: 5, quorum: 2, deadline: '1h' })
  const { results, events, passedMs } = await federate(sites, { name: 'alone', parsed, silent: ['south', 'west'] })
  assert.equal(results.outcome, 'abandoned')
  assert.equal(results.stoppedBecause, 'quorum lost')
  assert.deepEqual(
    results.rounds.map(({ state }) => state),
    ['abandoned'],
  )
  assert.deepEqual(
    lateOf(events).map(({ site }) => site),
    ['south', 'west'],
  )
  assert.ok(passedMs >= hour && passedMs < hour + slackMs, `${passedMs / hour} h`)
})

test('where everybody answers no deadline is waited for, and every journal holds', async () => {
  const parsed = study({ maximum: 3, quorum: 3, deadline: '2h' })
  const { results, passedMs, folder: own } = await federate(sites, { name: 'prompt', parsed })
  assert.equal(results.outcome, 'completed')
  assert.deepEqual(results.contributed, names)
  assert.ok(passedMs < hour)
  for (const name of names) {
    const { broken, entries } = readJournal(disk, join(own, name, 'journal.ndjson'))
    assert.equal(broken, undefined)
    assert.ok(entries.some(({ kind }) => kind === 'released'))
  }
})

test('FedBuff: rounds go at the pace of those who are ready; a slow hospital counts when it comes, and measures that round', async () => {
  const parsed = validatePlan({
    ...testPlan,
    strategy: { fedBuff: { buffer: 2 } },
    rounds: { maximum: 12, deadline: '2h' },
  })
  const takesMs = { north: hour / 10, south: hour / 6, west: hour / 2 }
  const { results, passedMs, folder: own } = await federate(sites, { name: 'buffered', parsed, takesMs })
  assert.equal(results.outcome, 'completed')
  assert.equal(results.rounds.length, 12)
  const west = results.rounds.map(({ sites }) => sites.find(({ site }) => site === 'west'))
  const counted = west.filter((part) => part?.state === 'contributed')
  assert.ok(
    counted.length >= 2 && counted.every((part) => (part?.stale ?? 0) >= 1 && part?.n !== null),
    JSON.stringify(west),
  )
  assert.ok(west.every((part) => part?.state === 'contributed' || part?.state === 'working'))
  // Waiting for west each time would have taken six hours.
  assert.ok(passedMs < 4 * hour, `${passedMs / hour} h`)
  for (const name of names) assert.equal(readJournal(disk, join(own, name, 'journal.ndjson')).broken, undefined)
})

test('Ctrl-C ends a simulation with WR_CANCELLED, wherever it stands, and leaves nothing running', async () => {
  const parsed = study({ maximum: 1000, quorum: 3, deadline: '2h' })
  for (const kind of ['study.decided', 'study.prepared', 'round.ended'] as const) {
    const clock = virtualClock(names.length + 2)
    const stop = new AbortController()
    const interrupted = simulate(
      {
        parsed,
        sites,
        folder: join(folder, `stopped-${kind}`),
        trainer: testTrainer(),
        clock,
        entropy: testEntropy(),
        ed25519,
        disk,
        version: '0.1.0',
        signal: stop.signal,
        onEvent: (event) => event.kind === kind && stop.abort(),
        log: () => undefined,
      },
      async ({ results }) => results,
    )
    await assert.rejects(interrupted, (error) => error instanceof WardroundError && error.code === 'WR_CANCELLED')
    for (const name of names)
      assert.ok(!existsSync(join(folder, `stopped-${kind}`, name, 'run.lock')), `${name} has gone home`)
  }
})
