import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type GraphBuilder, graphBuilder } from '../builder.ts'
import { differentiate } from '../differentiate.ts'
import { run } from '../interpreter/interpret.ts'
import { float32, numbers } from '../interpreter/values.ts'
import { int } from '../ir.ts'
import { mayBeMasked } from './masking.ts'

const values = 2 ** 15

/** d(Σ f(relu(x)))/dx of so many values, half of which are negative, and the operators of its graph. */
function gradientOf(f: (b: GraphBuilder, y: string) => string) {
  const b = graphBuilder()
  b.input({ name: 'x', type: 'float32', shape: [values] })
  const loss = b.node('ReduceSum', [f(b, b.node('Relu', ['x']))], { attributes: { keepdims: int(0) } })
  const graph = b.build('gradient', differentiate(b, loss, ['x']))
  const x = Array.from({ length: values }, (_, index) => (index % 2 === 0 ? -1 - index : index / 2))
  const found = numbers(run(graph, { x: float32([values], x) })[graph.outputs[0]?.name ?? ''] ?? assert.fail())
  return { x, found: found.data, ops: graph.nodes.map(({ op }) => op) }
}

test('the gradient of many rectified values is masked by a product', () => {
  const { x, found, ops } = gradientOf((b, y) => b.node('Mul', [y, y]))
  assert.ok(!ops.includes('Where'))
  assert.deepEqual(
    found,
    x.map((value) => (value > 0 ? 2 * value : value * 0)).map((value) => (value === 0 ? 0 : value)),
  )
})

test('a gradient that is infinite where a relu lets nothing through does not come through, as with PyTorch', () => {
  const { x, found } = gradientOf((b, y) => b.node('Sqrt', [y]))
  assert.ok(found.every((value, index) => value === ((x[index] ?? 0) > 0 ? 0.5 / Math.sqrt(x[index] ?? 0) : 0)))
})

test('what a derivative without a bound has a part in may not be masked, unless a product has mixed it with everything else', () => {
  const b = graphBuilder()
  const x = b.input({ name: 'x', type: 'float32', shape: [2, 2] })
  const steep = b.node('Reciprocal', [x])
  const moved = b.node('Add', [b.node('Transpose', [b.node('Mul', [steep, x])]), x])
  const mixed = b.node('MatMul', [moved, x])
  const found = [x, steep, moved, mixed, b.node('Add', [mixed, x]), b.node('Add', [mixed, moved])]
  assert.deepEqual(
    found.map((name) => mayBeMasked(b, name)),
    [true, false, false, true, true, false],
  )
})
