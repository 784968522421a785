/** A site as `wardround site run` runs it, but for its training, which takes no time. Arguments: its folder, and its number or `trains`: then it does. */
import { join } from 'node:path'
import { countBuffersWithHeap } from '@wardround/cli/heap.ts'
import { runSite } from '@wardround/site/agent.ts'
import { readConfig } from '@wardround/site/config.ts'
import { letGo } from '@wardround/site/memory.ts'
import { createTrainer, type Trainer } from '@wardround/site/training/trainer.ts'
import { benchRuntime } from '../runtime.ts'

/** The first weight of each tensor moves by 2⁻²⁰ times a number of the site's own: no two updates are the same blob. Every prediction is a half. */
function idleTrainer(number: number): Trainer {
  const change = number * 2 ** -20
  return {
    // What is handed over is trained in its place, and given back or let go, as by the trainer.
    async train({ weights }, { handOver = false } = {}) {
      const after = handOver ? weights : weights.map((tensor) => ({ ...tensor, data: tensor.data.slice() }))
      for (const { data } of after) data[0] = (data[0] ?? 0) + change
      return { weights: after, steps: 1, lossPerEpoch: [0.5] }
    },
    async predict({ data, weights }, { handOver = false } = {}) {
      if (handOver) letGo(weights.map((tensor) => tensor.data))
      return new Float32Array(data.rows).fill(0.5)
    },
    warm: () => undefined,
    close: async () => undefined,
  }
}

countBuffersWithHeap()
const [, , folder = '', number = '1'] = process.argv
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())
const { clock, entropy, ed25519, disk, version, signal } = benchRuntime(interrupted.signal)
await runSite({
  folder,
  config: readConfig(join(folder, 'site.yaml')),
  dataFolder: folder,
  trainer: number === 'trains' ? createTrainer() : idleTrainer(Number(number)),
  clock,
  entropy,
  ed25519,
  disk,
  version,
  log: () => undefined,
  signal,
})
