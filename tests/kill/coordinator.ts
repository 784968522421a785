/**
 * A coordinator as `wardround coordinator` runs it, that kills itself (SIGKILL) at a point of a test's choice. Arguments: folder, port, store, and
 * the point, or nothing. A point is `before` or `after` and the name of a step: what becomes durable with it. Prints its port when it listens.
 */
import { join } from 'node:path'
import { folderBlobs } from '@wardround/coordinator/blobs/fs.ts'
import { recentBlobs } from '@wardround/coordinator/blobs/recent.ts'
import { smallBlobs } from '@wardround/coordinator/blobs/small.ts'
import { coordinatorKeys, ownCertificate, privateFolder, writePrivate } from '@wardround/coordinator/identity.ts'
import { createCoordinator } from '@wardround/coordinator/server.ts'
import { openStore, type Store } from '@wardround/coordinator/store/store.ts'
import type { NewEvent } from '@wardround/core/protocol/events.ts'
import { clock, ed25519, entropy, version } from '../support.ts'
import { dying } from './dying.ts'

const [, , folder = '', port = '0', storeName = 'sqlite', point = ''] = process.argv
const step = dying(point)

/** Transactions are named by their first event, tasks' by their kind too; without one, by the phase that a round goes to. */
function nameOf(events: readonly NewEvent[], phase: string | undefined): string {
  const [first] = events
  const started = events.find(({ kind }) => kind === 'round.started')
  if (first === undefined) return phase === undefined ? 'nothing' : `round ${phase}`
  if (started !== undefined) return started.kind
  return 'kind' in first.payload ? `${first.kind} ${first.payload.kind}` : first.kind
}

const mortalStore = (store: Store): Store => ({
  ...store,
  async transaction(work) {
    const events: NewEvent[] = []
    let phase: string | undefined
    const done = await store.transaction(async (tables) => {
      const event: typeof tables.event = (...given) => {
        events.push(...given)
        return tables.event(...given)
      }
      const updateRound: typeof tables.updateRound = (round, change) => {
        phase = change.phase
        return tables.updateRound(round, change)
      }
      const result = await work({ ...tables, event, updateRound })
      step.before(nameOf(events, phase))
      return result
    })
    step.after(nameOf(events, phase))
    return done
  },
})

const home = privateFolder(folder)
const keys = coordinatorKeys(home, { ed25519, entropy })
const tls = await ownCertificate(home, ['127.0.0.1'], new Date(clock.now()))
const files = await folderBlobs(join(home, 'blobs'))
const where =
  storeName === 'sqlite'
    ? ({ kind: 'sqlite', path: join(home, 'coordinator.sqlite') } as const)
    : ({ kind: 'postgres', url: storeName } as const)
const store = await openStore(where, () => new Date(clock.now()).toISOString())
// With SQLite all blobs are files, which become durable apart from the row that names them; with PostgreSQL they are rows beside it.
const kept = smallBlobs(store, files, storeName === 'sqlite' ? 0 : undefined)
const blobs = recentBlobs({
  ...kept,
  put: (bytes, sha256, within) => {
    if (within !== undefined) return kept.put(bytes, sha256, within)
    const name = Buffer.from(bytes.subarray(0, 1000)).includes('numExamples') ? 'update' : 'weights'
    return step(name, () => kept.put(bytes, sha256))
  },
})
const coordinator = await createCoordinator({
  store: mortalStore(store),
  blobs,
  clock,
  entropy,
  ed25519,
  keys,
  version,
  tls,
  log: (level, message, fields) => {
    if (level !== 'info') process.stderr.write(`${JSON.stringify({ level, message, ...fields })}\n`)
  },
})
const listening = await coordinator.listen({ host: '127.0.0.1', port: Number(port) })
const url = `https://127.0.0.1:${listening}`
coordinator.setPublicUrl(url)
if ((await store.accounts()).length === 0)
  writePrivate(join(home, 'access'), `${await coordinator.createAccess('admin', url)}\n`)
process.stdout.write(`${listening}\n`)
process.on('SIGTERM', () => void coordinator.close())
