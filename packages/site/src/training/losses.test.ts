/** Losses on ONNX Runtime, in Float32: PyTorch's figures, and numbers for logits however far out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { float32, numbers } from '@wardround/core/graph/interpreter/values.ts'
import type { GanLoss } from '@wardround/core/graph/losses/gan.ts'
import { drawn, integersOf, sizeOf } from '@wardround/core/graph/testing/draws.ts'
import { drawLoss, ganGraph, lossGraph, pytorchGans, pytorchLosses } from '@wardround/core/graph/testing/losses.ts'
import fc from 'fast-check'
import { assertNear, onRuntime } from './testing/on-runtime.ts'

const tolerance = { relative: 1e-5, absolute: 2e-6 }

test("every loss and its gradient are PyTorch's, to Float32", async () => {
  const graphs = [...pytorchLosses.map((use) => ({ ...use, graph: lossGraph(use) })), ...pytorchGans]
  for (const { name, graph, feeds, wanted } of graphs) {
    const found = await onRuntime(graph, feeds)
    for (const [output, value] of Object.entries(wanted))
      assertNear(found[output], value, { tolerance, what: `${name}: ${output}` })
  }
})

/** Far out on both sides, and in between where Float32 begins to lose what is beside 1. */
const far = [-1e4, -200, -90, -20, 0, 20, 90, 200, 1e4]

test('logits of ±10⁴ give a loss and a gradient that are numbers', async () => {
  await fc.assert(
    fc.asyncProperty(fc.gen(), async (g) => {
      const use = drawLoss(g, (_, shape) =>
        float32(
          shape,
          integersOf(g, sizeOf(shape), { min: 0, max: far.length - 1 }).map((index) => far[index] ?? 0),
        ),
      )
      const found = await onRuntime(lossGraph(use), use.feeds)
      for (const [name, value] of Object.entries(found))
        assert.ok(numbers(value).data.every(Number.isFinite), `${name} of ${JSON.stringify(use)}`)
    }),
    drawn(100),
  )
  for (const loss of ['nonSaturating', 'leastSquares'] satisfies GanLoss[]) {
    const shape = [far.length]
    const found = await onRuntime(ganGraph(loss, { real: shape, made: shape }), {
      real: float32(shape, far),
      made: float32(shape, far),
    })
    for (const value of Object.values(found)) assert.ok(numbers(value).data.every(Number.isFinite))
  }
})
