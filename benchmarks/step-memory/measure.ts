/**
 * Holds the estimate of a step's memory (graph/inspect/liveness.ts) against what ONNX Runtime takes: `node benchmarks/step-memory/measure.ts MODEL.onnx [BATCH [arena]]`.
 * One model a process, because memory that was taken once is seldom given back. Prints one line of JSON.
 */
import { readFileSync } from 'node:fs'
import { checkImport } from '@wardround/core/graph/inspect/check-import.ts'
import { costOf } from '@wardround/core/graph/inspect/cost.ts'
import { probeStep } from '@wardround/core/graph/inspect/probe-step.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import { floats, openSession } from '@wardround/site/training/session.ts'

const [path = '', batch = '32', arena = ''] = process.argv.slice(2)
const { model } = checkImport(readFileSync(path))
if (model === undefined) throw new TypeError(`${path} cannot be trained`)
const optimizer = { adam: { rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } }
const probe = probeStep(model.network, { batch: Number(batch), optimizer })
const { memoryBytes } = costOf(probe)

/** Of all the process has in memory, the most so far. */
const mostBytes = (): number => process.resourceUsage().maxRSS * 1024

const session = await openSession(probe.step.graph, { amount: arena === 'arena' ? 'little' : 'all' })
const feeds = Object.fromEntries(
  probe.step.graph.inputs.map(({ name, shape }) => {
    const extents = shape.map(Number)
    return [name, floats(new Float32Array(sizeOf(extents)).fill(0.5), extents)]
  }),
)
// The feeds are part of the estimate, and in memory by now.
const before = process.memoryUsage.rss() - memoryBytes.carried
await session.run(feeds)
const measured = mostBytes() - before
process.stdout.write(
  `${JSON.stringify({
    model: path.split('/').at(-1),
    batch: Number(batch),
    estimatedMb: Math.round(memoryBytes.peak / 1e6),
    measuredMb: Math.round(measured / 1e6),
    ratio: Math.round((100 * measured) / memoryBytes.peak) / 100,
  })}\n`,
)
