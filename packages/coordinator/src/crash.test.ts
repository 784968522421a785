/**
 * The coordinator dies with each thing that would become durable, just before it does and just after; it starts again from what is there,
 * its sites ask again, and the study ends as if nothing had happened: the same weights, each update counted once, each event once, and no
 * phase gone back.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { except, honest } from './testing/federation.ts'
import { bareHabitat, live, type Scenario, wholeHabitat } from './testing/lives.ts'
import type { Death } from './testing/mortal.ts'
import { scratch } from './testing/scratch.ts'
import { failed } from './testing/site.ts'

const quick: Scenario = {
  sites: ['a', 'b'],
  change: { rounds: { maximum: 1 } },
  behaviour: (parsed) => honest(parsed, { delta: (_, site) => (site === 'a' ? 1 : 3) }),
}

/** Updates that arrive in three pieces. */
const piecemeal: Scenario = {
  ...quick,
  behaviour: (parsed) => (task, site) => {
    const act = quick.behaviour(parsed)(task, site)
    return act !== 'silent' && 'update' in act ? { ...act, pieceBytes: Math.ceil(act.update.length / 3) } : act
  },
}

/** State from round to round, a site that is late, and that fails later. */
const eventful: Scenario = {
  sites: ['a', 'b'],
  change: { strategy: { fedAdam: { rate: 0.1 } }, rounds: { maximum: 2, quorum: 1 } },
  behaviour: (parsed) =>
    except(honest(parsed, { delta: (round, site) => (site === 'a' ? 1 : 3) / round }), (task, site) => {
      if (task.kind === 'train' && task.round === 1 && site === 'b') return 'silent'
      return task.kind === 'evaluate' && task.round === 2 && site === 'b' ? failed('WR_DATA_EMPTY') : undefined
    }),
}

/** What goes to the sites with the weights is made of the state; the late site is told so in the next round. */
const corrected: Scenario = {
  ...eventful,
  change: { strategy: { scaffold: { rate: 0.5 } }, rounds: { maximum: 2, quorum: 1 } },
}

const hopeless: Scenario = {
  sites: ['a', 'b'],
  change: { rounds: { maximum: 3 } },
  behaviour: (parsed) =>
    except(honest(parsed), (task, site) => (task.kind === 'train' && site === 'b' ? 'silent' : undefined)),
}

/** The study undisturbed: what every disturbed one must come to, and what it does on its way. */
async function undisturbed(scenario: Scenario, outcome: string) {
  const { steps, lives, ...wanted } = await live(scenario, bareHabitat())
  assert.equal(lives, 1)
  assert.equal(wanted.results.outcome, outcome)
  return { steps, wanted }
}

type Wanted = Awaited<ReturnType<typeof undisturbed>>['wanted']

/** `deaths`, each in its life, and the same end. */
async function survives(scenario: Scenario, deaths: readonly Death[], wanted: Wanted): Promise<void> {
  const { steps: _, lives, ...found } = await live(scenario, bareHabitat(), (life) => deaths[life])
  assert.equal(lives, deaths.length + 1)
  assert.deepEqual(found, wanted, `died ${JSON.stringify(deaths)}`)
}

for (const when of ['before', 'after'] as const)
  test(`a study whose coordinator dies once, ${when} any one step, ends as if nothing had happened`, async () => {
    const { steps, wanted } = await undisturbed(quick, 'completed')
    for (let at = 1; at <= steps.length; at++) await survives(quick, [{ at, when }], wanted)
  })

for (const [title, scenario, outcome] of [
  ['with state, a late site and one that fails', eventful, 'completed partially'],
  ['whose updates come in pieces', piecemeal, 'completed'],
  ['whose sites correct their gradients', corrected, 'completed partially'],
  ['that loses its quorum', hopeless, 'abandoned'],
] as const)
  test(`so does a study ${title}, whose coordinator dies before any step, and again just after doing it`, async () => {
    const { steps, wanted } = await undisturbed(scenario, outcome)
    for (let at = 1; at <= steps.length; at++)
      await survives(
        scenario,
        [
          { at, when: 'before' },
          { at: 1, when: 'after' },
        ],
        wanted,
      )
  })

test('so does one whose coordinator dies again and again, at random', async () => {
  const { steps, wanted } = await undisturbed(eventful, 'completed partially')
  const death = fc.record({ at: fc.integer({ min: 1, max: 12 }), when: fc.constantFrom('before', 'after') })
  // At most three lives of 12 steps: none outlives the study.
  assert.ok(steps.length > 3 * 12)
  await fc.assert(
    fc.asyncProperty(fc.array(death, { minLength: 2, maxLength: 3 }), (deaths) => survives(eventful, deaths, wanted)),
    { numRuns: 10 },
  )
})

test('no life longer than four steps: file closed and opened, requests signed, all of it started anew each time', async () => {
  const { steps, wanted } = await undisturbed(eventful, 'completed partially')
  const habitat = wholeHabitat(join(scratch(), 'coordinator.sqlite'))
  // Before and after its first, second, third and fourth step, in turn. Aggregation takes four: three blobs and a transaction.
  const deathOf = (life: number): Death => ({
    at: 1 + (Math.floor(life / 2) % 4),
    when: life % 2 === 0 ? 'before' : 'after',
  })
  const { steps: _, lives, ...found } = await live(eventful, habitat, deathOf)
  assert.deepEqual(found, wanted)
  assert.ok(lives > steps.length / 4)
})
