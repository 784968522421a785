/** Finished models as files, opened as anybody would, against what the site itself would tell. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportModel } from '@wardround/core/graph/export.ts'
import type { Value } from '@wardround/core/graph/interpreter/values.ts'
import { drawn } from '@wardround/core/graph/testing/draws.ts'
import { drawFinished, sitePrediction } from '@wardround/core/graph/testing/finished.ts'
import fc from 'fast-check'
import { openModel } from './open-model.ts'

const asColumn = (value: Value): Float32Array | readonly string[] =>
  value.type === 'string' ? value.data : Float32Array.from(value.data)

test('on ONNX Runtime a file gives the probabilities that transform() and the prediction graph give', async () => {
  await fc.assert(
    fc.asyncProperty(fc.gen(), async (g) => {
      const finished = drawFinished(g)
      const predict = await openModel(exportModel({ ...finished, planHash: 'hash' }))
      const found = await predict(
        Object.fromEntries(Object.entries(finished.columns).map(([name, value]) => [name, asColumn(value)])),
      )
      const { data, shape } = sitePrediction(finished)
      const [rows = 0, outputs = 0] = shape
      assert.equal(found.length, rows)
      for (const [row, values] of found.entries()) {
        assert.equal(values.length, outputs)
        for (const [output, value] of values.entries()) {
          const wanted = data[row * outputs + output] ?? Number.NaN
          assert.ok(Math.abs(value - wanted) <= 1e-4 * Math.max(1, Math.abs(wanted)), `${value} and ${wanted}`)
        }
      }
    }),
    drawn(50),
  )
})
