/** Our side, a process of its own: a line (Asked), then a line of JSON for each line that says how many steps (Told). */
import '@wardround/site/training/no-telemetry.ts'
import { readFileSync } from 'node:fs'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import { epochGraph } from '@wardround/core/graph/epoch.ts'
import { sizeOf, type Weights } from '@wardround/core/weights.ts'
import { letGo } from '@wardround/site/memory.ts'
import { featureFeeds, targetFeed } from '@wardround/site/training/feeds.ts'
import { ownLane, startThreads } from '@wardround/site/training/lanes.ts'
import { lineReader } from '@wardround/site/training/lines.ts'
import type { Dataset } from '@wardround/site/training/messages.ts'
import { type Parted, parted } from '@wardround/site/training/parted.ts'
import { amountOfStep, sessionOptions } from '@wardround/site/training/session-options.ts'
import { remembered } from '@wardround/site/training/way.ts'
import * as ort from 'onnxruntime-node'
import { peakMbOf } from '../round-trip/process-figures.ts'
import type { Case } from './cases.ts'
import type { Files } from './data.ts'

export type Asked = Omit<Case, 'target'> & {
  readonly files: Files
  readonly threads: number
  /** Where ONNX Runtime writes what each operator took: how the file's path begins. Whole batches only. */
  readonly profile?: string
}

/** Of so many steps at once, from where the last ones ended. */
export type Told = { readonly ms: number; readonly losses: readonly number[]; readonly peakMb: number | null }

const floats = (data: Float32Array, shape: readonly number[]): ort.Tensor => new ort.Tensor('float32', data, shape)

function floatsIn(path: string): Float32Array<ArrayBuffer> {
  const bytes = readFileSync(path)
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}

function firstWeights({ weights, specs }: Files): Weights {
  const values = floatsIn(weights)
  let end = 0
  return specs.map(({ name, shape }) => {
    const start = end
    end += sizeOf(shape)
    return { name, shape, data: values.slice(start, end) }
  })
}

type Steps = (steps: number) => Promise<readonly number[]>

const batchesIn = (path: string): Int32Array<ArrayBuffer> => {
  const bytes = readFileSync(path)
  return new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}

function datasetIn({ rows, inputs, files }: Asked): Dataset {
  const known = { rows, width: sizeOf(inputs), extents: inputs }
  if (files.scale === undefined) return { ...known, features: floatsIn(files.features), target: floatsIn(files.target) }
  const bytes = (path: string): Uint8Array<ArrayBuffer> => Uint8Array.from(readFileSync(path))
  const pixelScale = {
    mean: Float32Array.of(files.scale.mean),
    deviation: Float32Array.of(files.scale.deviation),
  }
  return {
    ...known,
    pixelScale,
    features: bytes(files.features),
    target: new Float32Array(rows),
    masks: bytes(files.target),
  }
}

/** A batch in parts, each on a thread of its own, as a site trains what asks for it (packages/site/src/training/parted.ts). */
async function inParts(asked: Asked, microbatch: number): Promise<Steps> {
  const { model, training, files, threads } = asked
  const { batch } = training
  const { lanes } = await startThreads(threads - 1)
  const indices = batchesIn(files.batches)
  const all = { from: 0, count: indices.length / batch }
  const way = await parted(remembered<Parted>(), {
    request: {
      model,
      training: { ...training, epochs: 1, microbatch },
      data: datasetIn(asked),
      weights: firstWeights(files),
      epochs: 1,
      labels: [],
    },
    schedule: {
      parts: all,
      stepsPerPart: 1,
      indices: ({ from, count }) => indices.slice(from * batch, (from + count) * batch),
      epochOf: () => 1,
    },
    batch,
    goOn: () => undefined,
    microbatch,
    lanes: [ownLane('cpu'), ...lanes],
  })
  return async (steps) => [...(await way.advance({ from: 0, count: steps }))]
}

/** Whole epochs in one call, as a site trains a model of less than 8 MB (packages/site/src/training/scanned.ts), but for the threads. */
async function atOnce(asked: Asked): Promise<Steps> {
  const { model, training, inputs, files, threads, profile } = asked
  const { batch } = training
  const data = datasetIn(asked)
  const pixels = data.pixelScale === undefined ? {} : { pixels: true as const }
  const epoch = epochGraph({ model, training, inputs, batch, weighted: false, ...pixels })
  const session = await ort.InferenceSession.create(encodeModel(epoch.graph), {
    ...sessionOptions(amountOfStep(batch, inputs)),
    intraOpNumThreads: threads,
    ...(profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: profile }),
  })
  if (profile !== undefined) process.stdin.on('end', () => session.endProfiling())
  const outer = { ...featureFeeds(data), target: targetFeed(data) }
  let carried = Object.fromEntries([
    ...firstWeights(files).map(({ name, shape, data }) => [name, floats(data, shape)] as const),
    ...epoch.state.map(
      ({ name, shape, initial }) => [name, floats(new Float32Array(sizeOf(shape)).fill(initial), shape)] as const,
    ),
  ])
  const indices = batchesIn(files.batches)
  return async (steps) => {
    const batches = new ort.Tensor('int32', indices.subarray(0, steps * batch), [steps, batch])
    const outputs = await session.run({ ...outer, ...carried, batches })
    letGo(Object.values(carried).map(({ data }) => data as Float32Array))
    carried = Object.fromEntries(Object.keys(carried).map((name) => [name, outputs[`next/${name}`] as ort.Tensor]))
    return [...((outputs.losses as ort.Tensor).data as Float32Array)]
  }
}

const trainer = (asked: Asked): Promise<Steps> =>
  asked.microbatch === undefined || asked.threads === 1 ? atOnce(asked) : inParts(asked, asked.microbatch)

let run: Steps | undefined

async function handle(line: string): Promise<void> {
  if (run === undefined) {
    run = await trainer(JSON.parse(line) as Asked)
    return
  }
  const from = performance.now()
  const losses = await run(Number(line))
  const told: Told = { ms: performance.now() - from, losses, peakMb: peakMbOf(process.pid) }
  process.stdout.write(`${JSON.stringify(told)}\n`)
}

let queue: Promise<void> = Promise.resolve()
// As a trainer's process listens: Node's own reader of lines takes as long to load as ten modules.
const reader = lineReader(Number.POSITIVE_INFINITY, {
  line: (text) => {
    queue = queue.then(() => handle(text))
  },
  tooLong: () => undefined,
})
process.stdin.setEncoding('utf8').on('data', (piece) => reader(String(piece)))
