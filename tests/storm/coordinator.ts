/** The real coordinator through its lives: what it has committed outlives it, and nothing else does. */
import type { BlobStore } from '@wardround/coordinator/blobs/blob-store.ts'
import { type Coordinator, createCoordinator } from '@wardround/coordinator/server.ts'
import type { Store } from '@wardround/coordinator/store/store.ts'
import type { Clock, World } from '@wardround/core/ports.ts'
import type { KeyPair } from '@wardround/core/protocol/signing.ts'
import { type Random, seededRandom } from '@wardround/core/random.ts'
import type { FastifyInstance } from 'fastify'
import { type Death, mortal } from '../../packages/coordinator/src/testing/mortal.ts'
import type { CrashBlobs } from './blobs.ts'
import type { Faults } from './faults.ts'
import type { Scheduler } from './scheduler.ts'
import type { Tally } from './tally.ts'

export type CoordinatorOptions = {
  readonly seed: number
  readonly scheduler: Scheduler
  readonly faults: Faults
  readonly tally: Tally
  readonly world: Omit<World, 'clock'>
  /** The clock of a process that starts now. */
  readonly clock: () => Clock
  readonly store: Store
  readonly blobs: CrashBlobs
  readonly keys: KeyPair
  /** Something has become durable. */
  readonly touched: () => void
  /** A fault of the coordinator's own, while it lives. */
  readonly failed: (problem: string) => void
}

export type Life = { readonly app: FastifyInstance; readonly gone: AbortSignal }

export type CoordinatorLives = {
  current(): Life | undefined
  /** Starts, and again after each death, until stop(). */
  start(): void
  kill(): void
  powerCut(): void
  stop(): Promise<void>
}

export function coordinatorLives(options: CoordinatorOptions): CoordinatorLives {
  const { scheduler, faults, tally, world, keys } = options
  const random = seededRandom([options.seed, 'coordinator'])
  let current: (Life & { kill(): void }) | undefined
  const stopped = new AbortController()
  let living = Promise.resolve()
  const cutPower = (): void => {
    tally.count('coordinatorPowerCut')
    void options.blobs.powerCut()
  }
  const openUntil = async (gone: AbortController): Promise<Coordinator> => {
    const death = scheduler.elapsedMs() < faults.endMs ? drawDeath(faults, random) : undefined
    let killed = false
    const life = mortal(given(options), {
      death,
      after: async () => options.touched(),
      died: () => {
        if (!killed) tally.count('coordinatorKilledAtStep')
        if (!killed && faults.coordinatorPowerCut !== undefined && random.below(2) === 0) cutPower()
        scheduler.note('the coordinator dies')
        current = undefined
        gone.abort('died')
      },
    })
    const coordinator = await scheduler.hold(
      createCoordinator({
        ...world,
        clock: options.clock(),
        store: life.store,
        blobs: life.blobs,
        keys,
        version: '0.1.0',
        log: (level, message, fields) => {
          if (level === 'error' && !life.dead() && !stopped.signal.aborted)
            options.failed(`${message} ${JSON.stringify(fields)}`)
        },
      }),
    )
    const kill = (): void => {
      killed = true
      life.kill()
    }
    if (!life.dead()) current = { app: coordinator.app, gone: gone.signal, kill }
    return coordinator
  }
  const live = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const gone = new AbortController()
      const coordinator = await openUntil(gone)
      await died(gone.signal)
      await coordinator.close().catch(() => undefined)
      await scheduler.park('the coordinator is down', 500 + random.below(60_000), stopped.signal)
    }
  }
  return {
    current: () => current,
    start() {
      living = live()
    },
    kill() {
      if (current !== undefined) tally.count('coordinatorKilled')
      current?.kill()
    },
    powerCut() {
      if (current === undefined) return
      current.kill()
      cutPower()
    },
    async stop() {
      stopped.abort('stopped')
      current?.kill()
      await living
    },
  }
}

function drawDeath(faults: Faults, random: Random): Death | undefined {
  const mayDie = (faults.coordinatorKill ?? faults.coordinatorPowerCut) !== undefined
  if (!mayDie || random.below(2) === 0) return undefined
  return { at: 1 + random.below(30), when: random.below(2) === 0 ? 'before' : 'after' }
}

/** What is in the database stays open when a coordinator goes. */
const given = ({ store, blobs }: CoordinatorOptions): { store: Store; blobs: BlobStore } => ({
  store: { ...store, close: async () => undefined },
  blobs: blobs.blobs,
})

/** Resolves when the signal aborts. */
const died = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
