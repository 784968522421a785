/** Two studies at once at the same sites, one of which is killed (kill -9) while it trains for both: each study comes to what it comes to alone. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ParsedStudy, parseStudy } from '@wardround/core/protocol/plan.ts'
import { scratch, smallStudy } from '../support.ts'
import { essence, holdsTogether, type KillFederation, killEverybody, killFederation, siteNames } from './federation.ts'

after(killEverybody)

const rounds = 2
/** Epochs enough for several calls of the runtime, between which there are checkpoints. */
const planOf = (name: string, epochs: number): ParsedStudy['plan'] =>
  parseStudy(
    smallStudy()
      .replace('name: small', `name: ${name}`)
      .replace('maximum: 3', `maximum: ${rounds}`)
      .replace('20s', '10m')
      .replace('batch: 16, epochs: 2', `batch: 4, epochs: ${epochs}`),
  ).plan
const plans = [planOf('first', 500), planOf('second', 400)] as const

type Disturbing = (federation: KillFederation, studies: readonly string[]) => Promise<void>

/** What each of the studies comes to, all at once. */
async function ended(folder: string, given: readonly ParsedStudy['plan'][], disturb: Disturbing): Promise<unknown[]> {
  const [first, ...others] = given
  assert.ok(first !== undefined)
  const federation = await killFederation(folder, { store: 'sqlite', plan: first })
  const studies = [federation.study]
  for (const plan of others) studies.push(await federation.also(plan))
  for (const name of siteNames) await federation.start(name)
  for (const study of studies) await federation.begin(study)
  await disturb(federation, studies)
  const found: unknown[] = []
  for (const study of studies) {
    while (!(await federation.ended(study))) await sleep(50)
    found.push(essence(await federation.results(study)))
  }
  await federation.close()
  const opened = await federation.openStore()
  for (const id of studies) await holdsTogether(opened, folder, { id, rounds })
  await opened.close()
  return found
}

/** How many have begun and not ended, as a site tells it. */
const trainings = (output: string): number => output.split('training round').length - output.split('train done').length

const undisturbed: Disturbing = async () => undefined

test('killed while it trains for two studies, a site does both again, to the bits of each alone', {
  timeout: 300_000,
}, async () => {
  const [first, second] = plans
  const [wanted] = await ended(scratch('several-first'), [first], undisturbed)
  const [other] = await ended(scratch('several-second'), [second], undisturbed)
  const folder = scratch('several-both')
  let lives = 0
  const found = await ended(folder, plans, async ({ life, start, ended: over }, studies) => {
    const checkpoints = studies.map((study) => join(folder, 'north', 'studies', study, 'checkpoint'))
    for (let atWork = 0; atWork < 2; lives++) {
      while (trainings(life('north').output()) < 2 || !checkpoints.some(existsSync)) {
        assert.ok(!(await over(studies[0])), 'it never trained for both')
        await sleep(5)
      }
      life('north').kill('SIGKILL')
      await life('north').end
      // One of them may have ended just then.
      atWork = trainings(life('north').output())
      await start('north')
    }
  })
  assert.ok(lives > 0)
  assert.deepEqual(found, [wanted, other])
})
