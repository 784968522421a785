/**
 * What a private step costs beside an ordinary one: `node benchmarks/private-step/measure.ts CASE WAY`, of the cases of the engine's benchmark (../engine/cases.ts);
 * WAY is `plain`, `private`, or `one-by-one`. Processor time, which others on the machine disturb least. One a process, because memory that was taken once is seldom given back. Prints one line of JSON.
 */
import '@wardround/site/training/no-telemetry.ts'
import { epochGraph } from '@wardround/core/graph/epoch.ts'
import { initialWeights } from '@wardround/core/graph/initial-weights.ts'
import '@wardround/core/graph/private-step.ts'
import { seededRandom } from '@wardround/core/random.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import { openSession } from '@wardround/site/training/session.ts'
import * as ort from 'onnxruntime-node'
import { cases } from '../engine/cases.ts'
import { peakMbOf } from '../round-trip/process-figures.ts'

const [name = '', way = 'plain'] = process.argv.slice(2)
const found = cases.find((one) => one.name === name)
if (found === undefined) throw new TypeError(`CASE is one of: ${cases.map((one) => one.name).join(', ')}`)
const { model, inputs, training, rows } = found
const { batch } = training
const steps = Math.min(found.steps, 64)
const bounds = { clipNorm: 1, noiseMultiplier: 1, expectedBatch: batch }
const privacy = way === 'one-by-one' ? { ...bounds, mostHeld: -1 } : bounds
const { graph, state } = epochGraph({
  ...{ model, inputs, training, batch, weighted: false },
  ...(way === 'plain' ? {} : { privacy }),
})

const random = seededRandom(['private-step'])
const weights = new Map(initialWeights(model, inputs, random).map((one) => [one.name, one.data]))
const initial = new Map(state.map((one) => [one.name, one.initial]))
const sizes: Readonly<Record<string, number>> = { rows, steps }
const session = await openSession(graph)

function feedOf({ name: input, shape }: (typeof graph.inputs)[number]): ort.Tensor {
  const extents = shape.map((extent) => (typeof extent === 'number' ? extent : (sizes[extent] ?? 0)))
  const values = (value: () => number): Float32Array => Float32Array.from({ length: sizeOf(extents) }, value)
  if (input === 'batches')
    return new ort.Tensor(
      'int32',
      Int32Array.from({ length: sizeOf(extents) }, () => random.below(rows)),
      extents,
    )
  const given = weights.get(input)
  if (given !== undefined) return new ort.Tensor('float32', given, extents)
  const fixed = input === 'counted' ? 1 : input === 'target' ? 0 : initial.get(input)
  return new ort.Tensor('float32', values(fixed === undefined ? () => random.uniform() * 2 - 1 : () => fixed), extents)
}

const feeds = Object.fromEntries(graph.inputs.map((input) => [input.name, feedOf(input)]))
const times: number[] = []
for (let turn = 0; turn < 9; turn++) {
  const from = process.cpuUsage()
  await session.run(feeds)
  const { user, system } = process.cpuUsage(from)
  times.push((user + system) / 1000 / steps)
}
const rounded = (value: number): number => Number(value.toPrecision(3))
process.stdout.write(
  `${JSON.stringify({
    ...{ name, way },
    ms: rounded(Math.min(...times.slice(1))),
    peakMb: Math.round(peakMbOf(process.pid) ?? 0),
  })}\n`,
)
