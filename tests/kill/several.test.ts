/** Two studies at once at the same sites, one of which is killed (kill -9) while it trains for both: each study comes to what it comes to alone. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ParsedStudy, parseStudy } from '@wardround/core/protocol/plan.ts'
import { scratch, smallStudy } from '../support.ts'
import { essence, holdsTogether, killEverybody, killFederation, siteNames } from './federation.ts'

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

/** What each of the studies comes to, all at once; north dies at a point first. */
async function ended(folder: string, given: readonly ParsedStudy['plan'][], point = ''): Promise<unknown[]> {
  const [first, ...others] = given
  assert.ok(first !== undefined)
  const federation = await killFederation(folder, { store: 'sqlite', plan: first })
  const { life, start } = federation
  const studies = [federation.study]
  for (const plan of others) studies.push(await federation.also(plan))
  for (const name of siteNames) await start(name, name === 'north' ? point : '')
  for (const study of studies) await federation.begin(study)
  if (point !== '') {
    const end = await Promise.race([life('north').end, sleep(100_000, 'nothing')])
    assert.equal(end, 'SIGKILL', life('north').output().slice(-1000))
    await start('north')
  }
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

test('killed while it trains for two studies, a site does both again, to the bits of each alone', {
  timeout: 300_000,
}, async () => {
  const [first, second] = plans
  const [wanted] = await ended(scratch('several-first'), [first])
  const [other] = await ended(scratch('several-second'), [second])
  assert.deepEqual(await ended(scratch('several-both'), plans, 'after at work on two'), [wanted, other])
})
