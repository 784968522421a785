/** Whole training graphs on ONNX Runtime: any model, loss, optimizer and penalty, against the reference interpreter. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from '@wardround/core/graph/interpreter/interpret.ts'
import { allowedOperators } from '@wardround/core/graph/safelist.ts'
import { drawn } from '@wardround/core/graph/testing/draws.ts'
import { drawTraining } from '@wardround/core/graph/testing/training.ts'
import fc from 'fast-check'
import { assertNear, onRuntime } from './testing/on-runtime.ts'

test('random training graphs mean the same to both', async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.gen(), async (g) => {
      const { epoch, options, feeds } = drawTraining(g)
      const [found, wanted] = [await onRuntime(epoch.graph, feeds), run(epoch.graph, feeds)]
      // Three steps in Float32, whose gradients may be sums of terms that all but cancel.
      for (const { name } of epoch.graph.outputs)
        assertNear(found[name], wanted[name], {
          tolerance: { relative: 1e-3, absolute: 1e-3 },
          what: `${name} of ${JSON.stringify(options)}`,
        })
      for (const { op, attributes } of epoch.graph.nodes) {
        seen.add(op)
        if (attributes.body?.kind === 'graph') for (const inner of attributes.body.value.nodes) seen.add(inner.op)
      }
    }),
    // The same graphs every time: on relu's kink Float32 and Float64 may fall to different sides.
    { ...drawn(80), seed: 2 },
  )
  // The draw is wide: it meets most of what a training graph can be made of.
  for (const op of [
    'Gemm',
    'MatMul',
    'Gather',
    'ScatterElements',
    'LogSoftmax',
    'Softmax',
    'Softplus',
    'Relu',
    'Sqrt',
    'Where',
  ])
    assert.ok(seen.has(op), op)
  assert.ok([...seen].every((op) => allowedOperators.has(op)))
})

test('the same graph and data give the same bits, run after run', async () => {
  await fc.assert(
    fc.asyncProperty(fc.gen(), async (g) => {
      const { epoch, feeds } = drawTraining(g)
      assert.deepEqual(await onRuntime(epoch.graph, feeds), await onRuntime(epoch.graph, feeds))
    }),
    drawn(20),
  )
})
