/**
 * A process with one hospital that trains, measures and finishes a study of a large model, after one of a small model. It says how large the model is, and by how much the peaks of
 * itself and of its trainer's process have grown, in bytes. The coordinator, in the same process, makes the weights while it sends them, and keeps nothing of an update.
 */
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { splitSpecs } from '@wardround/core/graph/network.ts'
import type { HttpResponse, Network } from '@wardround/core/ports.ts'
import { validatePlan } from '@wardround/core/protocol/plan.ts'
import type { BlobRef, Task } from '@wardround/core/protocol/task.ts'
import { encodeHeader } from '@wardround/core/safetensors.ts'
import { dimensionOf } from '@wardround/core/weights.ts'
import { runTask } from '../task.ts'
import { createTrainer, type Trainer } from '../training/trainer.ts'
import { hospital, testPlan } from './hospital.ts'

const planOf = (units: number) => ({
  ...testPlan,
  model: { layers: [{ dense: units, activation: 'relu' }, { dense: units, activation: 'relu' }, { dense: 1 }] },
})

const rangeBytes = 1 << 20

/** A file of weights that are small and not all alike, a part at a time. */
function* weightsOf(units: number): Generator<Uint8Array> {
  const specs = splitSpecs(validatePlan(planOf(units)).study.model, 1).shared
  yield encodeHeader(specs.map((spec) => ({ ...spec, dataType: 'F32' })))
  const values = Float32Array.from({ length: rangeBytes / 4 }, (_, index) => ((index % 199) - 99) / 99 / units)
  const bytes = new Uint8Array(values.buffer)
  for (let left = 4 * dimensionOf(specs); left > 0; left -= rangeBytes) yield bytes.subarray(0, left)
}

function refOf(units: number): BlobRef {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for (const bytes of weightsOf(units)) {
    hash.update(bytes)
    sizeBytes += bytes.length
  }
  return { sha256: hash.digest('hex'), sizeBytes }
}

const answered = (body: AsyncIterable<Uint8Array>): HttpResponse => ({ status: 200, headers: {}, body })

async function* once(value: object): AsyncGenerator<Uint8Array> {
  yield Buffer.from(JSON.stringify(value))
}

async function* slowly(bytes: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* bytes
}

/** All of a study but its survey; the model's size in bytes. */
async function study(trainer: Trainer, units: number): Promise<number> {
  const weights = refOf(units)
  const sentBytes = { most: 0 }
  const line = ({ send }: Network): Network => ({
    async send(request) {
      const { method, path, body = new Uint8Array() } = request
      if (path.includes('/blobs/')) return answered(slowly(weightsOf(units)))
      if (!path.includes('/update')) return send(request)
      const offset = Number(new URL(path, 'https://fake').searchParams.get('offset') ?? 0)
      sentBytes.most = Math.max(sentBytes.most, offset + body.length)
      return answered(once(method === 'PUT' ? { receivedBytes: sentBytes.most, task: null } : { receivedBytes: 0 }))
    },
  })
  const at = await hospital({ plan: planOf(units), weights, line, trainer })
  try {
    await at.say('approved')
    const site = await at.open()
    const tasks: Task[] = [at.tasks.train(1), at.tasks.evaluate(1), at.tasks.finish(1, 2)]
    for (const task of tasks) {
      await at.coordinator.give(task)
      const signed = at.coordinator.state.tasks.at(-1)
      if (signed !== undefined) await runTask(site, signed)
    }
    await site.close()
    const results = [...at.coordinator.state.results.values()].map(({ kind }) => kind)
    if (results.join() !== 'evaluate,finish' || sentBytes.most < weights.sizeBytes)
      throw new Error(`There were ${results.join()}, and ${sentBytes.most} bytes of an update. ${at.said.join(' ')}`)
    return weights.sizeBytes
  } finally {
    at.remove()
  }
}

/** The process that trains. */
let training: ChildProcess | undefined
subscribe('child_process', (message) => {
  training = (message as { process: ChildProcess }).process
})

/** Of this process and of the one that trains together, though they are not at their peaks at the same time. */
const peakBytes = (): number => 1024 * (process.resourceUsage().maxRSS + peakOf(training?.pid))

/** As Linux tells it, in KiB. */
const peakOf = (pid = 0): number =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN)

const trainer = createTrainer()
await study(trainer, Number(process.argv[2]))
const before = peakBytes()
const modelBytes = await study(trainer, Number(process.argv[3]))
process.stdout.write(`${JSON.stringify({ modelBytes, grownBytes: peakBytes() - before })}\n`)
await trainer.close()
