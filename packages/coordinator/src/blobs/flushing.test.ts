import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flushing } from './flushing.ts'

/** A disk whose every sync ends when it is told to. */
function slowDisk() {
  const syncs: PromiseWithResolvers<void>[] = []
  const datasync = (): Promise<void> => {
    const sync = Promise.withResolvers<void>()
    syncs.push(sync)
    return sync.promise
  }
  return { syncs, datasync }
}
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

test('every 8 MB go to the disk, one sync at a time, and the end waits for the one that is under way', async () => {
  const { syncs, datasync } = slowDisk()
  const { wrote, settled } = flushing({ datasync })
  for (let megabyte = 0; megabyte < 7; megabyte++) wrote(1 << 20)
  assert.equal(syncs.length, 0)
  wrote(1 << 20)
  assert.equal(syncs.length, 1)
  wrote(20 << 20)
  assert.equal(syncs.length, 1)
  let ended = false
  const end = settled().then(() => {
    ended = true
  })
  await turn()
  assert.equal(ended, false)
  syncs[0]?.resolve()
  await end
  // What was written meanwhile is not forgotten.
  wrote(1)
  assert.equal(syncs.length, 2)
  syncs[1]?.resolve()
  await settled()
})

test('what the disk could not do is heard at the end, however long ago it was', async () => {
  const { syncs, datasync } = slowDisk()
  const { wrote, settled } = flushing({ datasync })
  wrote(8 << 20)
  syncs[0]?.reject(new Error('no space'))
  await turn()
  wrote(8 << 20)
  syncs[1]?.resolve()
  await turn()
  await assert.rejects(settled(), /no space/)
})
