import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { modelSchema } from '@wardround/core/study/model.ts'
import { converse } from './conversation.ts'
import { datasetsThere } from './datasets-there.ts'
import type { Exchange } from './exchange.ts'
import type { Listener, Sandbox } from './sandbox.ts'

/** A process that is only asked, and the request that it is asked. */
function fakeProcess(change: Partial<Sandbox> = {}) {
  const nothing: Partial<Exchange> = {
    writev: async (arrays) => ({
      bytesWritten: arrays.reduce((sum, { byteLength }) => sum + byteLength, 0),
      buffers: arrays,
    }),
  }
  const sandbox: Sandbox = {
    exchange: nothing as Exchange,
    ended: new Promise(() => undefined),
    reason: () => undefined,
    alive: () => true,
    listen: () => undefined,
    tell: () => undefined,
    allow: () => undefined,
    end: () => undefined,
    hold: () => undefined,
    ...change,
  }
  const asked = {
    kind: 'predict' as const,
    request: {
      model: modelSchema.parse({ layers: [{ dense: 1 }] }),
      loss: 'meanSquaredError' as const,
      weights: [{ name: 'dense.kernel', shape: [1, 1], data: Float32Array.of(1) }],
      data: { features: Float32Array.of(1), rows: 1, width: 1, target: Float32Array.of(1) },
    },
  }
  return { process: { sandbox, datasets: datasetsThere(), folder: 'work' }, asked }
}

test('what is wanted no more, and then cancelled, is told once, and ends no later call', async () => {
  const told: string[] = []
  const ends: WardroundError[] = []
  let listener: Listener | undefined
  const controller = new AbortController()
  const { process, asked } = fakeProcess({
    listen: (next) => {
      listener = next ?? listener
    },
    tell: (text) => {
      const { kind } = JSON.parse(text)
      told.push(kind)
      if (kind !== 'cancel') return
      controller.abort()
      queueMicrotask(() =>
        listener?.line(JSON.stringify({ id: 1, kind: 'failed', code: 'WR_CANCELLED', parameters: {} })),
      )
    },
    end: (why) => void ends.push(why),
  })
  const stillWanted = (): void => {
    throw new WardroundError('WR_TASK_CLOSED', { task: 't' })
  }
  const call = {
    id: 1,
    minutes: 1,
    graceMs: 30,
    resultBytes: 4,
    handOver: false,
    stillWanted,
    signal: controller.signal,
  }
  // Whoever answers keeps this process alive, and nobody does yet.
  const alive = setInterval(() => undefined, 1000)
  await assert.rejects(
    converse(process, asked, call),
    (error) => error instanceof WardroundError && error.code === 'WR_TASK_CLOSED',
  )
  clearInterval(alive)
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.deepEqual([told, ends], [['predict', 'cancel'], []])
})

test('a request that could not be written down ends the process: another one is to have all of it', async () => {
  const ends: WardroundError[] = []
  const full: Partial<Exchange> = {
    writev: () => Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })),
  }
  const { process, asked } = fakeProcess({
    exchange: full as Exchange,
    alive: () => ends.length === 0,
    tell: () => assert.fail('nothing is asked for'),
    end: (why) => void ends.push(why),
  })
  const call = { id: 1, minutes: 1, graceMs: 1, resultBytes: 4, handOver: false }
  const isDisk = (error: unknown): boolean => error instanceof WardroundError && error.code === 'WR_DISK'
  await assert.rejects(converse(process, asked, call), isDisk)
  assert.ok(ends.length === 1 && isDisk(ends[0]))
})
