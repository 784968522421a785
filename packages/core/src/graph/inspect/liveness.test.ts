import assert from 'node:assert/strict'
import { test } from 'node:test'
import { graphBuilder } from '../builder.ts'
import { int, subgraph } from '../ir.ts'
import { peakOf } from './liveness.ts'

const bytes = 4

test('a value lives from the node that makes it to the last that uses it', () => {
  const b = graphBuilder()
  const x = b.input({ name: 'x', type: 'float32', shape: [10] })
  const wide = b.node('Expand', [x, b.axes([100, 10])])
  const narrow = b.node('ReduceSum', [wide, b.axes([0])], { attributes: { keepdims: int(0) } })
  const second = b.node('Expand', [narrow, b.axes([50, 10])])
  const y = b.node('ReduceSum', [second, b.axes([0])], { attributes: { keepdims: int(0) } })
  const { givenBytes, madeBytes } = peakOf({ graph: b.build('peak', [y]), info: b.info })
  // While the first sum is made: 1000 values, and its 10. Of the second, 500 and 10 and 10, there is less at any time.
  assert.equal(madeBytes, (1000 + 10) * bytes)
  // x, and three lists of axes: of two, one and two int64.
  assert.equal(givenBytes, 10 * bytes + (2 + 1 + 2) * 8)
})

test('what is used late is there all the time, and an output to the end', () => {
  const b = graphBuilder()
  const x = b.input({ name: 'x', type: 'float32', shape: [100] })
  const early = b.node('Exp', [x])
  const middle = b.node('Exp', [early])
  const late = b.node('Exp', [middle])
  const both = b.node('Add', [late, early])
  const { madeBytes } = peakOf({ graph: b.build('peak', [both, middle]), info: b.info })
  // When the sum is made: early, middle (an output), late and the sum.
  assert.equal(madeBytes, 400 * bytes)
})

test('an output that nothing else needs is kept to the end', () => {
  const b = graphBuilder()
  const x = b.input({ name: 'x', type: 'float32', shape: [100] })
  const early = b.node('Exp', [x])
  const end = b.node('Neg', [b.node('Neg', [b.node('Neg', [x])])])
  const { madeBytes } = peakOf({ graph: b.build('peak', [early, end]), info: b.info })
  assert.equal(madeBytes, 300 * bytes)
})

test('another view of a value has no memory of its own, and keeps that of the value', () => {
  const b = graphBuilder()
  const x = b.input({ name: 'x', type: 'float32', shape: [100] })
  const made = b.node('Exp', [x])
  const view = b.node('Reshape', [made, b.axes([10, 10])])
  const other = b.node('Exp', [x])
  const sum = b.node('Add', [view, b.node('Reshape', [other, b.axes([10, 10])])])
  const { madeBytes } = peakOf({ graph: b.build('peak', [sum, made]), info: b.info })
  assert.equal(madeBytes, 300 * bytes)
})

test('types are as large as they are, and what a subgraph names lives until then', () => {
  const b = graphBuilder()
  const x = b.input({ name: 'x', type: 'float32', shape: [100] })
  const flags = b.node('Greater', [x, b.scalar(0)])
  const kept = b.node('Exp', [x])
  const passing = b.node('Neg', [x])
  const end = b.node('Neg', [passing])
  const inner = graphBuilder('inner/')
  inner.outer({ name: kept, type: 'float32', shape: [100] })
  inner.outer({ name: flags, type: 'bool', shape: [100] })
  const state = inner.input({ name: 'state', type: 'float32', shape: [100] })
  const body = inner.build('body', [inner.node('Where', [flags, kept, state])])
  b.call('Scan', [end], {
    outputs: [{ name: 'y', type: 'float32', shape: [100] }],
    attributes: { body: subgraph(body), num_scan_inputs: int(0) },
  })
  const { madeBytes } = peakOf({ graph: b.build('peak', ['y']), info: b.info })
  // At the Scan: a byte a flag, what is kept, what comes in and what comes out.
  assert.equal(madeBytes, 100 + 300 * bytes)
})
