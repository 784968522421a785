/** The same training on the processor and on a GPU. Bits are not compared: no GPU promises them. */
import { WardroundError } from '@wardround/core/errors.ts'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { modelSchema, trainingSchema } from '@wardround/core/study/model.ts'
import type { Device } from '@wardround/site/training/device.ts'
import { createTrainer, type TrainRequest } from '@wardround/site/training/trainer.ts'
import type { Bench } from '../bench.ts'
import { webgpuWords } from './words.ts'

const models = {
  perceptron: [{ dense: 64, activation: 'relu' }, { dense: 32, activation: 'relu' }, { dense: 1 }],
  convolutional: [
    { reshape: [1, 16, 16] },
    { conv2d: 8, kernel: 3, padding: 'same', activation: 'relu' },
    { maxPool2d: 2 },
    { conv2d: 16, kernel: 3, padding: 'same', activation: 'relu' },
    { maxPool2d: 2 },
    { flatten: {} },
    { dense: 1 },
  ],
} as const

/** Losses may be so far apart, as a share of themselves. */
const tolerance = 1e-4

const [rows, width] = [256, 256]

/** Noise with a direction in it. */
function requestOf(layers: readonly unknown[]): TrainRequest {
  const random = seededRandom(['webgpu'])
  const target = Float32Array.from({ length: rows }, (_, row) => row % 2)
  const features = Float32Array.from(
    { length: rows * width },
    (_, index) => random.uniform() - 0.5 + (target[Math.floor(index / width)] ?? 0) * 0.2,
  )
  const model = modelSchema.parse({ layers })
  const training = trainingSchema.parse({
    loss: 'binaryCrossEntropy',
    optimizer: { sgd: { rate: 0.01, momentum: 0.9 } },
    batch: 32,
  })
  const weights = initialWeights(model, width, seededRandom(['first']))
  return { model, training, data: { features, rows, width, target }, weights, epochs: 5, labels: ['webgpu'] }
}

/** The losses, and how long it takes once everything is ready. */
async function trained(device: Device, request: TrainRequest): Promise<{ losses: readonly number[]; ms: number }> {
  const trainer = createTrainer({ device })
  try {
    const { lossPerEpoch } = await trainer.train(request)
    const start = performance.now()
    await trainer.train(request)
    return { losses: lossPerEpoch, ms: performance.now() - start }
  } finally {
    await trainer.close()
  }
}

async function compared(name: keyof typeof models, note: (line: string) => void) {
  const request = requestOf(models[name])
  note(webgpuWords.training(name, 'cpu'))
  const cpu = await trained('cpu', request)
  note(webgpuWords.training(name, 'webgpu'))
  const gpu = await trained('webgpu', request)
  const difference = Math.max(
    ...cpu.losses.map((loss, epoch) => Math.abs(loss - (gpu.losses[epoch] ?? Number.NaN)) / Math.abs(loss)),
  )
  return { name, difference, cpuMs: cpu.ms, gpuMs: gpu.ms, losses: { cpu: cpu.losses, webgpu: gpu.losses } }
}

export const bench: Bench = {
  about: webgpuWords.about(),
  options: {},
  async run(_, { note }) {
    try {
      const rows = [await compared('perceptron', note), await compared('convolutional', note)]
      const missed = rows.some(({ difference }) => !(difference <= tolerance))
      return { document: { tolerance, rows }, table: rows.map(webgpuWords.row).join('\n'), missed }
    } catch (error) {
      if (!(error instanceof WardroundError) || error.code !== 'WR_TRAINING_FAILED') throw error
      // A machine without a GPU has missed nothing; whoever wants one reads why.
      const problem = String(error.parameters.problem)
      return { document: { tolerance, rows: [], problem }, table: webgpuWords.noGpu(problem) }
    }
  },
}
