import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '@wardround/core/errors.ts'
import { modelSchema } from '@wardround/core/study/model.ts'
import { converse } from './conversation.ts'
import { datasetsThere } from './datasets-there.ts'
import type { Exchange } from './exchange.ts'
import type { Sandbox } from './sandbox.ts'

test('a request that could not be written down ends the process: another one is to have all of it', async () => {
  const ends: WardroundError[] = []
  const full: Partial<Exchange> = {
    writev: () => Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })),
  }
  const sandbox: Sandbox = {
    exchange: full as Exchange,
    ended: new Promise(() => undefined),
    reason: () => undefined,
    alive: () => ends.length === 0,
    listen: () => undefined,
    tell: () => assert.fail('nothing is asked for'),
    allow: () => undefined,
    end: (why) => void ends.push(why),
    hold: () => undefined,
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
  const call = { id: 1, minutes: 1, graceMs: 1, resultBytes: 4, handOver: false }
  const isDisk = (error: unknown): boolean => error instanceof WardroundError && error.code === 'WR_DISK'
  await assert.rejects(converse({ sandbox, datasets: datasetsThere(), folder: 'work' }, asked, call), isDisk)
  assert.ok(ends.length === 1 && isDisk(ends[0]))
})
