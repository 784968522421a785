/** The end of a test: what holds of every federation, whatever happened in it. */
import assert from 'node:assert/strict'
import { firstBroken } from '@wardround/core/protocol/chain.ts'
import { startCoordinator, type TestFederation } from './federation.ts'

/** Sequences without a gap, an audit that holds, no error in the log; a coordinator that starts anew finds nothing left to do. */
export async function closed({ account, world, coordinator, lines, events }: TestFederation): Promise<void> {
  const told = await events()
  assert.deepEqual(
    told.map(({ sequence }) => sequence),
    told.map((_, index) => index + 1),
  )
  assert.equal(firstBroken(await world.store.auditEntries(0, 10_000)), undefined)
  assert.equal((await account('audit')).holds, true)
  assert.deepEqual(
    lines.filter(({ level }) => level === 'error'),
    [],
  )
  const again = await startCoordinator(world)
  await again.idle()
  assert.deepEqual(await events(), told)
  // Both have the one store: the last to close closes it.
  await again.app.close()
  await coordinator.close()
}
