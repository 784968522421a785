/** A site that is killed (kill -9) in the middle of a training goes on from its last checkpoint, and the study ends with the very weights of the undisturbed one. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseStudy } from '@wardround/core/protocol/plan.ts'
import { scratch, smallStudy } from '../support.ts'
import { essence, holdsTogether, type KillFederation, killEverybody, killFederation, siteNames } from './federation.ts'

after(killEverybody)

const rounds = 2
/** Epochs enough for several calls of the runtime, between which there are checkpoints. */
const { plan } = parseStudy(
  smallStudy()
    .replace('maximum: 3', `maximum: ${rounds}`)
    .replace('20s', '10m')
    .replace('batch: 16, epochs: 2', 'batch: 4, epochs: 500'),
)

async function ended(folder: string, disturb: (federation: KillFederation) => Promise<void>): Promise<unknown> {
  const federation = await killFederation(folder, { store: 'sqlite', plan })
  for (const name of siteNames) await federation.start(name)
  const disturbed = disturb(federation)
  await federation.begin()
  await disturbed
  while (!(await federation.ended())) await sleep(50)
  const results = await federation.results()
  await federation.close()
  const opened = await federation.openStore()
  await holdsTogether(opened, folder, { id: federation.study, rounds })
  await opened.close()
  for (const name of siteNames)
    assert.equal(existsSync(join(folder, name, 'studies', federation.study, 'checkpoint')), false)
  return essence(results)
}

test('killed after a checkpoint, and before one, again and again', { timeout: 300_000 }, async () => {
  const wanted = await ended(scratch('checkpoint-none'), async () => undefined)
  const disturb = async ({ life, start }: KillFederation): Promise<void> => {
    life('north').kill('SIGKILL')
    await life('north').end
    for (const point of ['after checkpoint', 'after checkpoint', 'before checkpoint']) {
      await start('north', point)
      const end = await Promise.race([life('north').end, sleep(60_000, 'nothing')])
      assert.equal(end, 'SIGKILL', `${point}: ${life('north').output().slice(-1000)}`)
    }
    await start('north')
  }
  const lives: string[] = []
  const found = await ended(scratch('checkpoint-killed'), async (federation) => {
    await disturb({
      ...federation,
      start: async (name, point) => {
        lives.push(federation.life(name).output())
        await federation.start(name, point)
      },
    })
  })
  assert.deepEqual(found, wanted)
  // Of the four lives that were ended, two began where the one before had come to.
  assert.equal(lives.filter((output) => output.includes('going on after')).length, 2, lives.join('\n'))
})
