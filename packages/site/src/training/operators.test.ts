/** The reference interpreter of core's tests against ONNX Runtime, operator by operator: each shows that the other is right. */
import { test } from 'node:test'
import { gradientRules } from '@wardround/core/graph/gradients/registry.ts'
import { run } from '@wardround/core/graph/interpreter/interpret.ts'
import { allowedOperators } from '@wardround/core/graph/safelist.ts'
import { drawCase, gradientCases, operatorCases } from '@wardround/core/graph/testing/cases/registry.ts'
import { drawn } from '@wardround/core/graph/testing/draws.ts'
import { backwardOf, drawGradients } from '@wardround/core/graph/testing/gradient.ts'
import { graphOf } from '@wardround/core/graph/testing/uses.ts'
import fc from 'fast-check'
import { assertNear, onRuntime } from './testing/on-runtime.ts'

const tolerance = { relative: 1e-5, absolute: 1e-5 }

for (const op of allowedOperators) {
  if (op === 'Scan') continue
  test(`${op} means the same to both`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (g) => {
        const use = drawCase(g, op, operatorCases)
        const { b, ys, feeds } = graphOf(use)
        // An output that is an operand as it is needs a name of its own.
        const outputs = ys.map((y) => b.node('Identity', [y], { name: `${y}/out` }))
        const graph = b.build('one', outputs)
        const [found, wanted] = [await onRuntime(graph, feeds), run(graph, feeds)]
        for (const y of outputs) assertNear(found[y], wanted[y], { tolerance, what: JSON.stringify(use) })
      }),
      drawn(40),
    )
  })
}

for (const op of Object.keys(gradientRules)) {
  test(`${op}: the gradient's graph runs, and means the same to both`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (g) => {
        const use = drawCase(g, op, gradientCases)
        const made = backwardOf(use)
        // Of what nothing flows through, there is no graph.
        if (made.backward.outputs.length === 0) return
        const feeds = { ...made.feeds, ...drawGradients(g, made) }
        const [found, wanted] = [await onRuntime(made.backward, feeds), run(made.backward, feeds)]
        for (const { name } of made.backward.outputs)
          assertNear(found[name], wanted[name], { tolerance, what: JSON.stringify(use) })
      }),
      drawn(40),
    )
  })
}
