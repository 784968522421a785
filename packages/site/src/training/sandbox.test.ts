import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WardroundError } from '@wardround/core/errors.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import { type Checkpoints, createTrainer, type Trainer, type TrainRequest } from './trainer.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardround-sandbox-'))
after(() => rmSync(folder, { recursive: true }))
const program = new URL('./testing/hostile.ts', import.meta.url)
const runtime = fileURLToPath(import.meta.resolve('onnxruntime-node'))

let heard = 0
const server = createServer((_, response) => {
  heard += 1
  response.end()
}).listen(0, '127.0.0.1')
server.on('connection', () => {
  heard += 1
})
after(() => server.close())
await new Promise((resolve) => server.once('listening', resolve))
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const request = (...labels: string[]): TrainRequest => ({
  model: modelSchema.parse({ layers: [{ dense: 1 }] }),
  training: trainingSchema.parse({ loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 1 } }, batch: 1, epochs: 2 }),
  data: { features: Float32Array.of(1), rows: 1, width: 1, target: Float32Array.of(1) },
  weights: [
    { name: 'dense.kernel', shape: [1, 1], data: Float32Array.of(1) },
    { name: 'dense.bias', shape: [1], data: Float32Array.of(1) },
  ],
  epochs: 2,
  labels,
})

/** What a request ends in, and that the next one is answered. */
async function endOf(hostile: Trainer, labels: readonly string[]): Promise<WardroundError> {
  const error = await hostile.train(request(...labels)).then(
    () => assert.fail(`${labels[0]}: nobody noticed`),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof WardroundError, String(error))
  const { weights, lossPerEpoch, steps } = await hostile.train(request('honest'))
  assert.deepEqual([weights.map(({ data }) => [...data]), lossPerEpoch, steps], [[[0], [0]], [0, 0], 2])
  return error
}

const memoryMegabytes = 300

async function withHostile<T>(work: (hostile: Trainer) => Promise<T>, minutes = 10): Promise<T> {
  const hostile = createTrainer({ program, folder, limits: { memoryMegabytes, minutes }, cores: 2 })
  try {
    return await work(hostile)
  } finally {
    await hostile.close()
  }
}

const mine = join(folder, 'mine')
const denials: readonly (readonly [act: string, on: string, what: string])[] = [
  ['read a file', '/etc/hostname', 'read a file'],
  ['read a file', folder, 'read a file'],
  ['read a file later', '/proc/self/environ', 'read a file'],
  ['read a program file that is needed no more', fileURLToPath(import.meta.url), 'read a file'],
  ['write a file', mine, 'write a file'],
  ['write a file', fileURLToPath(new URL('./testing/hostile.ts', import.meta.url)), 'write a file'],
  ['fetch', url, 'use the network'],
  ['use sockets', '', 'load a module that training does not need'],
  ['use a database', '', 'load a module that training does not need'],
  ['import a database', '', 'load a module that training does not need'],
  ['spawn', '', 'load a module that training does not need'],
  ['become another program', '', 'start a program'],
  ['start a thread', '', 'start a thread'],
  ['kill the site', '', 'send a signal to another process'],
  ['kill the site by its binding', '', 'send a signal to another process'],
  ['open a debugger in the site', '', 'send a signal to another process'],
  ['reach for bindings', '', 'load a module that training does not need'],
  ['load native code', runtime, 'load native code'],
]

test('whatever is not computing ends the process, even if it catches the error, and is said', async () => {
  await withHostile(async (hostile) => {
    for (const [act, on, what] of denials) {
      const { code, parameters } = await endOf(hostile, [act, on])
      assert.deepEqual([act, code, parameters.what], [act, 'WR_TRAINER_DENIED', what])
    }
  })
  assert.equal(existsSync(mine), false)
  assert.equal(heard, 0)
})

test('nor may a thread do more that works on parts of batches', async () => {
  const inParts = (...labels: string[]): TrainRequest => {
    const { training, ...rest } = request(...labels)
    return { ...rest, training: { ...training, batch: 2, microbatch: 1 } }
  }
  await withHostile(async (hostile) => {
    // Node has no such thing for threads.
    for (const [act, on, what] of denials)
      for (const where of act === 'become another program' ? [''] : ['in a thread: ', ''])
        await assert.rejects(hostile.train(inParts(`${where}${act}`, on)), (error) => {
          assert.ok(error instanceof WardroundError, String(error))
          assert.deepEqual([where, act, error.code, error.parameters.what], [where, act, 'WR_TRAINER_DENIED', what])
          return true
        })
    assert.equal((await hostile.train(inParts('in a thread: take its time'))).steps, 2)
  })
  assert.equal(existsSync(mine), false)
  assert.equal(heard, 0)
})

test('memory has a limit, of arrays and of objects', { skip: process.platform !== 'linux' }, async () => {
  await withHostile(async (hostile) => {
    for (const act of ['fill the memory', 'fill the heap']) {
      const { code, parameters } = await endOf(hostile, [act])
      assert.deepEqual([act, code, parameters.limitMegabytes], [act, 'WR_TRAINER_MEMORY', memoryMegabytes])
    }
  })
})

test('a call has a time', async () => {
  const minutes = 0.04
  await withHostile(async (hostile) => {
    await hostile.train(request('honest'))
    const { code, parameters } = await endOf(hostile, ['spin'])
    assert.deepEqual([code, parameters.minutes], ['WR_TRAINER_TIME', minutes])
  }, minutes)
})

test('a process that does not hear a cancellation is ended', async () => {
  await withHostile(async (hostile) => {
    await hostile.train(request('honest'))
    const running = hostile.train(request('spin'), { signal: AbortSignal.timeout(50) })
    await assert.rejects(running, (error) => error instanceof WardroundError && error.code === 'WR_CANCELLED')
    assert.equal((await hostile.train(request('honest'))).steps, 2)
  })
})

test('a process that ends by itself, however, is a failed call and nothing more', async () => {
  await withHostile(async (hostile) => {
    const hows = { leave: 'with exit code 0', abort: 'by SIGABRT', throw: 'with exit code 1' }
    for (const [act, how] of Object.entries(hows)) {
      const { code, parameters } = await endOf(hostile, [act])
      assert.deepEqual([act, code, parameters.how], [act, 'WR_TRAINER_CRASHED', how])
    }
  })
})

const lies = [
  'flood',
  'flood with progress',
  'flood with complaints',
  'fill the disk',
  'say nonsense',
  'say nothing',
  'go backwards',
  'get ahead',
  'predict instead',
  'end the site by a code',
  'have the site wait by a code',
  'say more than asked',
  'leave nothing',
  'leave no numbers',
  'hand in a checkpoint',
  'hand in a checkpoint of nothing',
  'hand in a checkpoint of it all',
]

test('what no trainer says is believed in nothing, and said', async () => {
  await withHostile(async (hostile) => {
    for (const lie of lies) assert.deepEqual([lie, (await endOf(hostile, [lie])).code], [lie, 'WR_TRAINER_ANSWER'])
  })
})

test('a checkpoint is of the moment at which it comes, once for each time that it is asked for, and of numbers', async () => {
  const hostile = createTrainer({ program, folder, limits: { memoryMegabytes, minutes: 10 }, checkpointMs: 0 })
  const kept: number[] = []
  const checkpoints: Checkpoints = {
    find: () => undefined,
    keep: async ({ done, values }) => {
      for await (const _ of values()) kept.push(done)
    },
  }
  const trained = (act: string) => hostile.train(request(act), { checkpoints })
  for (const act of ['hand in a checkpoint of nothing', 'hand in a checkpoint of it all', 'hand in two checkpoints'])
    await assert.rejects(
      trained(act),
      (error) => error instanceof WardroundError && error.code === 'WR_TRAINER_ANSWER',
      act,
    )
  kept.length = 0
  for (const act of ['hand in a checkpoint that is not there', 'hand in a checkpoint of no numbers'])
    assert.equal((await trained(act)).steps, 2, act)
  assert.deepEqual(kept, [])
  await hostile.close()
})

test('a small request after a large one may take its time', async () => {
  await withHostile(async (trainer) => {
    const rows = 1 << 16
    const data = { features: new Float32Array(rows), rows, width: 1, target: new Float32Array(rows) }
    await trainer.train({ ...request('take its time'), data })
    assert.equal((await trainer.train(request('take its time'))).steps, 2)
  })
})

test('predictions are as many as the records ask for', async () => {
  await withHostile(async (hostile) => {
    const { model, data, weights } = request()
    const asked = {
      model,
      loss: 'binaryCrossEntropy' as const,
      weights,
      data: { ...data, rows: 2, features: Float32Array.of(1, 2) },
    }
    // One value for two records.
    const answered = hostile.predict(asked)
    await assert.rejects(answered, (error) => error instanceof WardroundError && error.code === 'WR_TRAINER_ANSWER')
    assert.deepEqual([...(await hostile.predict({ ...asked, data }))], [0])
  })
})

test('a process that speaks when nothing was asked is ended, and a call after that has another', async () => {
  await withHostile(async (hostile) => {
    const ended = endOfNext()
    await hostile.train(request('speak again'))
    // Whether that is seen before this call or during it.
    const next = await hostile.train(request('honest')).catch((error: unknown) => error)
    assert.ok(!(next instanceof Error) || (next instanceof WardroundError && next.code === 'WR_TRAINER_ANSWER'))
    await ended
    assert.equal((await hostile.train(request('honest'))).steps, 2)
  })
})

/** Of the next process that is started. */
function endOfNext(): Promise<void> {
  const ended = Promise.withResolvers<void>()
  const started = (message: unknown): void => {
    unsubscribe('child_process', started)
    const { process: child } = message as { process: ChildProcess }
    child.once('exit', () => ended.resolve())
  }
  subscribe('child_process', started)
  return ended.promise
}

test('nothing of an exchange has a name, and an idle process ends', async () => {
  const own = mkdtempSync(join(folder, 'own-'))
  const idle = createTrainer({ program, folder: own, idleMs: 1 })
  const ended = endOfNext()
  assert.equal((await idle.train(request('honest'))).steps, 2)
  assert.deepEqual(readdirSync(own), [])
  await ended
  assert.equal((await idle.train(request('honest'))).steps, 2)
  await idle.close()
})
