import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type GraphBuilder, graphBuilder } from '../builder.ts'
import { int, ints, subgraph } from '../ir.ts'
import { operationsOf } from './operations.ts'

const input = (b: GraphBuilder, name: string, shape: readonly number[]): string =>
  b.input({ name, type: 'float32', shape })

function counted(make: (b: GraphBuilder) => string): number {
  const b = graphBuilder()
  const y = make(b)
  return operationsOf({ graph: b.build('counted', [y]), info: b.info })
}

test('a dense layer multiplies and adds each input once for each output, and adds the bias', () => {
  const dense = counted((b) => b.node('Gemm', [input(b, 'x', [5, 7]), input(b, 'w', [7, 3]), input(b, 'b', [3])]))
  assert.equal(dense, 5 * (7 * 3 * 2 + 3))
})

test('a product with turned operands counts as the same product', () => {
  const turned = counted((b) =>
    b.node('Gemm', [input(b, 'x', [7, 5]), input(b, 'w', [3, 7])], { attributes: { transA: int(1), transB: int(1) } }),
  )
  assert.equal(turned, 5 * 3 * 7 * 2)
  assert.equal(
    counted((b) => b.node('MatMul', [input(b, 'x', [4, 5, 7]), input(b, 'w', [7, 3])])),
    4 * 5 * 7 * 3 * 2,
  )
})

test('a convolution sums a window of each of its group’s channels for each output', () => {
  // 6 channels in 2 groups, 8 filters of 3 by 3 over 10 by 12: 8 by 10 places.
  const convolution = counted((b) =>
    b.node('Conv', [input(b, 'x', [2, 6, 10, 12]), input(b, 'w', [8, 3, 3, 3]), input(b, 'b', [8])], {
      attributes: { group: int(2) },
    }),
  )
  assert.equal(convolution, 2 * 8 * (8 * 10) * (3 * 3 * 3 * 2 + 1))
})

test('a transposed convolution spreads each input over a window of each filter', () => {
  const spread = counted((b) =>
    b.node('ConvTranspose', [input(b, 'x', [2, 4, 5, 6]), input(b, 'w', [4, 3, 2, 2])], {
      attributes: { strides: ints([2, 2]) },
    }),
  )
  assert.equal(spread, 2 * 4 * (5 * 6) * (3 * 2 * 2) * 2)
})

test('a GRU has for each step, example and direction three gates that see input and state, and what makes the next state', () => {
  const [steps, batch, width, hidden] = [6, 2, 5, 4]
  const found = counted((b) => {
    const [y = ''] = b.several(
      'GRU',
      [
        input(b, 'x', [steps, batch, width]),
        input(b, 'w', [2, 3 * hidden, width]),
        input(b, 'r', [2, 3 * hidden, hidden]),
      ],
      { outputs: 1, attributes: { hidden_size: int(hidden), direction: { kind: 'string', value: 'bidirectional' } } },
    )
    return y
  })
  const products = 3 * hidden * (width + hidden) * 2
  const besides = 3 * hidden * 3 + 4 * hidden
  assert.equal(found, 2 * steps * batch * (products + besides))
})

test('element-wise operators cost an operation a value, reductions what goes in, and another view of a value nothing', () => {
  assert.equal(
    counted((b) => b.node('Add', [input(b, 'x', [5, 7]), input(b, 'y', [7])])),
    35,
  )
  assert.equal(
    counted((b) => b.node('ReduceSum', [input(b, 'x', [5, 7]), b.axes([1])])),
    35,
  )
  assert.equal(
    counted((b) => b.node('Reshape', [input(b, 'x', [5, 7]), b.axes([7, 5])])),
    0,
  )
})

test('a scan costs its body once for each slice', () => {
  const inner = graphBuilder('inner/')
  const state = inner.input({ name: 'state', type: 'float32', shape: [2, 3] })
  const slice = inner.input({ name: 'slice', type: 'float32', shape: [2, 5] })
  inner.outer({ name: 'w', type: 'float32', shape: [5, 3] })
  const body = inner.build('body', [inner.node('Gemm', [slice, 'w', state])])
  const found = counted((b) => {
    input(b, 'w', [5, 3])
    b.call('Scan', [input(b, 's', [2, 3]), input(b, 'x', [11, 2, 5])], {
      outputs: [{ name: 'y', type: 'float32', shape: [2, 3] }],
      attributes: { body: subgraph(body), num_scan_inputs: int(1) },
    })
    return 'y'
  })
  assert.equal(found, 11 * 2 * 3 * (5 * 2 + 1))
})
