/**
 * A site as `wardround site run` runs it, that kills itself (SIGKILL) at a point of a test's choice. Arguments: its folder; the point, or nothing:
 * `before` or `after` a request, training, or a checkpoint of it, of which there are as many as can be, or `after at work on two`, a checkpoint of one of two; after how many milliseconds of silence a line is dead, or nothing. Prints a line when it has started.
 */
import { join } from 'node:path'
import type { HttpRequest, Network } from '@wardround/core/ports.ts'
import { holdsHeader } from '@wardround/core/protocol/enclosed.ts'
import { runSite } from '@wardround/site/agent.ts'
import { readConfig } from '@wardround/site/config.ts'
import { httpsNetwork } from '@wardround/site/http.ts'
import { membershipOf } from '@wardround/site/identity.ts'
import { trainerPool } from '@wardround/site/training/pool.ts'
import { type Checkpoints, createTrainer, type Trainer } from '@wardround/site/training/trainer.ts'
import { clock, disk, ed25519, entropy, version } from '../support.ts'
import { dying } from './dying.ts'

const [, , folder = '', point = '', silenceMs] = process.argv
const step = dying(point)
const atWorkOnTwo = 'after at work on two'

/** `task`, `weights`, `update`, or `report` with the kind of its task. */
function nameOf(method: string, path: string): string {
  if (method === 'PUT') return 'update'
  if (path.includes('/blobs/')) return 'weights'
  const kind = /-(prepare|train|evaluate|finish)-\d+-[a-z]+\/result/.exec(path)?.[1]
  return kind === undefined ? 'task' : `report ${kind}`
}

const membership = membershipOf(disk, folder)
const network = httpsNetwork(membership.url, membership.trust, ...(silenceMs === undefined ? [] : [Number(silenceMs)]))
/** As a site of an older version, which takes no weights with a task: it dies while it fetches them, too. */
const older = ({ [holdsHeader]: _, ...headers }: HttpRequest['headers']): HttpRequest['headers'] => headers
const mortalNetwork: Network = {
  send: (request) =>
    step(nameOf(request.method, request.path), () => network.send({ ...request, headers: older(request.headers) })),
}
const mortal = (checkpoints: Checkpoints): Checkpoints => ({
  ...checkpoints,
  keep: (checkpoint) =>
    step(point === atWorkOnTwo ? 'at work on two' : 'checkpoint', () => checkpoints.keep(checkpoint)),
})
/** Where it is to die at work on two, neither begins without the other. */
const both = Promise.withResolvers<void>()
let trainings = 0
const together = async (): Promise<void> => {
  trainings += 1
  if (trainings === 2) both.resolve()
  await both.promise
}
const mortalTrainer = (trainer: Trainer): Trainer => ({
  ...trainer,
  train: async (request, { checkpoints, ...options } = {}) => {
    if (point === atWorkOnTwo) await together()
    return step('fitting', () =>
      trainer.train(request, {
        ...options,
        ...(checkpoints === undefined ? {} : { checkpoints: mortal(checkpoints) }),
      }),
    )
  },
  predict: (...given) => step('predicting', () => trainer.predict(...given)),
})
const atOnce = 2
const trainers = trainerPool({ atOnce, coresEach: 1 }, () => mortalTrainer(createTrainer({ checkpointMs: 0 })))
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
process.stdout.write('started\n')
await runSite({
  folder,
  config: readConfig(join(folder, 'site.yaml')),
  dataFolder: folder,
  trainer: trainers,
  atOnce,
  // Whoever is dead is started again at once: nobody needs to wait long before trying again.
  clock: { ...clock, sleep: (delayMs, signal) => clock.sleep(Math.min(delayMs, 50), signal) },
  entropy,
  ed25519,
  disk,
  version,
  network: mortalNetwork,
  // What it says of a task comes after a line in the journal, and after the work.
  log: (_, message) => {
    process.stderr.write(`${message}\n`)
    step.after(message.split(' ')[0] ?? '')
  },
  signal: stop.signal,
})
await trainers.close()
await network.close()
