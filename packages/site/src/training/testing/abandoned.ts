/** A process that is killed while its trainer trains; it says which process trains. */
import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { writeSync } from 'node:fs'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import { createTrainer } from '../trainer.ts'

let training: ChildProcess | undefined
subscribe('child_process', (message) => {
  training = (message as { process: ChildProcess }).process
})

const model = modelSchema.parse({ layers: [{ dense: 1 }] })
await createTrainer().train(
  {
    model,
    training: trainingSchema.parse({ loss: 'meanSquaredError', optimizer: { sgd: { rate: 0.01 } }, batch: 1 }),
    data: { features: Float32Array.of(1), rows: 1, width: 1, target: Float32Array.of(1) },
    weights: initialWeights(model, 1, seededRandom(['abandoned'])),
    epochs: 1_000_000_000,
    labels: ['abandoned'],
  },
  {
    onProgress() {
      writeSync(1, `${training?.pid}`)
      process.kill(process.pid, 'SIGKILL')
    },
  },
)
