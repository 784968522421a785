/** Formulations that are chosen for large values alone, and which the cases of operators.test.ts are too small for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { graphBuilder } from '@wardround/core/graph/builder.ts'
import { gradientRules } from '@wardround/core/graph/gradients/registry.ts'
import { float32, numbers } from '@wardround/core/graph/interpreter/values.ts'
import { type Graph, int, ints } from '@wardround/core/graph/ir.ts'
import { drawn } from '@wardround/core/graph/testing/draws.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import fc from 'fast-check'
import { assertNear, onRuntime } from './testing/on-runtime.ts'

type Convolution = {
  readonly batch: number
  readonly extents: readonly number[]
  readonly weights: readonly number[]
  readonly groups: number
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly pads: readonly number[]
}

const convolutions = fc.record({
  batch: fc.integer({ min: 4, max: 8 }),
  extent: fc.integer({ min: 40, max: 56 }),
  groups: fc.constantFrom(1, 2),
  filters: fc.constantFrom(2, 6, 16),
  inGroup: fc.constantFrom(6, 9),
  kernel: fc.integer({ min: 2, max: 4 }),
  strides: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 3 })),
  dilation: fc.integer({ min: 1, max: 2 }),
  pads: fc.tuple(fc.nat(1), fc.nat(1), fc.nat(1), fc.nat(1)),
})

/** The weights' gradient, of so many examples. */
function weightGradient(batch: number, { extents, weights, groups, strides, dilations, pads }: Convolution) {
  const b = graphBuilder()
  const channels = (weights[1] ?? 0) * groups
  b.input({ name: 'x', type: 'float32', shape: [batch, channels, ...extents] })
  b.input({ name: 'w', type: 'float32', shape: weights })
  const attributes = { strides: ints(strides), dilations: ints(dilations), pads: ints(pads), group: int(groups) }
  const y = b.node('Conv', ['x', 'w'], { attributes })
  b.input({ name: 'dy', type: 'float32', shape: b.shape(y) })
  const node = b.nodes().at(-1) ?? assert.fail()
  const dw = gradientRules.Conv?.(node, ['dy'], b)[1] ?? assert.fail()
  return { graph: b.build('gradient', [dw]), dw, shapes: { x: b.shape('x').map(Number), dy: b.shape(y).map(Number) } }
}

const isInTurns = ({ nodes }: Graph): boolean => nodes.some(({ op }) => op === 'Scan')

test("the gradient of a convolution's weights is the sum of those of its examples, however many are laid out at a time", async () => {
  let turns = 0
  await fc.assert(
    fc.asyncProperty(convolutions, fc.gen(), async (drawnFor, g) => {
      const { batch, extent, groups, filters, inGroup, kernel, strides, dilation, pads } = drawnFor
      const weights = [filters, inGroup, kernel, kernel]
      const extents = [extent, extent + 3]
      const told = { batch, extents, weights, groups, strides, dilations: [dilation, dilation], pads }
      const [whole, single] = [weightGradient(batch, told), weightGradient(1, told)]
      if (isInTurns(whole.graph)) turns += 1
      assert.equal(isInTurns(single.graph), false)
      const seed = g(fc.nat, 1000)
      const values = (shape: readonly number[], phase: number) =>
        float32(
          shape,
          Array.from({ length: sizeOf(shape) }, (_, index) => Math.sin(index * 12.9898 + phase + seed)),
        )
      const [x, dy] = [values(whole.shapes.x, 0), values(whole.shapes.dy, 1)]
      const w = values(weights, 2)
      const found = (await onRuntime(whole.graph, { x, w, dy }))[whole.dw]
      const sum = new Array<number>(sizeOf(weights)).fill(0)
      for (let example = 0; example < batch; example++) {
        const part = (all: typeof x, shape: readonly number[]) =>
          float32(shape, all.data.slice(example * sizeOf(shape), (example + 1) * sizeOf(shape)))
        const feeds = { x: part(x, single.shapes.x), w, dy: part(dy, single.shapes.dy) }
        const own = (await onRuntime(single.graph, feeds))[single.dw] ?? assert.fail()
        for (const [index, value] of numbers(own).data.entries()) sum[index] = (sum[index] ?? 0) + value
      }
      assertNear(found, float32(weights, sum), {
        tolerance: { relative: 1e-4, absolute: 2e-3 },
        what: JSON.stringify(told),
      })
    }),
    drawn(10),
  )
  assert.ok(turns > 0, `${turns} of them went in turns`)
})
