/** Gradients that PyTorch has clipped example by example. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lossSchema } from '../../study/loss.ts'
// torch.func.vmap(grad(…)) in double precision; fixtures/make_private.py says how.
import fixture from '../fixtures/private.json' with { type: 'json' }
import { run } from '../interpreter/interpret.ts'
import { float32, numbers, type Values } from '../interpreter/values.ts'
import { clippedGraph, problemOf } from '../testing/per-example.ts'
import { mostHeld } from './clipped-sums.ts'

const { batch, bounds, cases } = fixture

for (const { name, layers, input, loss, weights, features, target, sums } of cases)
  test(`${name}: the sums are those of PyTorch, at once and one by one`, () => {
    const problem = problemOf(layers, input, lossSchema.parse(loss))
    const told: Readonly<Record<string, readonly number[] | undefined>> = weights
    const feeds: Values = {
      features: float32([batch, ...input], features),
      target: float32([batch, 1], target),
      weight: float32([batch, 1], new Array<number>(batch).fill(1)),
      ...Object.fromEntries(
        problem.weights.map((one) => [one.name, float32(one.shape, told[one.name] ?? assert.fail(one.name))]),
      ),
    }
    for (const held of [mostHeld, -1])
      for (const [index, clipNorm] of bounds.entries()) {
        const { graph, made } = clippedGraph(problem, { batch, clipNorm, held })
        assert.equal(made.isAtOnce, held > 0)
        const found = run(graph, feeds)
        const wanted: Readonly<Record<string, readonly number[] | undefined>> = sums[index] ?? assert.fail()
        assert.deepEqual(Object.keys(wanted).toSorted(), problem.parameters.toSorted())
        for (const [position, parameter] of problem.parameters.entries()) {
          const values = numbers(found[made.sums[position] ?? ''] ?? assert.fail(parameter)).data
          for (const [place, value] of (wanted[parameter] ?? []).entries())
            assert.ok(
              Math.abs(value - (values[place] ?? Number.NaN)) <= 2e-6 * Math.max(1, Math.abs(value)),
              `${parameter} at ${place}: ${values[place]}, by PyTorch ${value}`,
            )
        }
      }
  })
