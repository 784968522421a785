import assert from 'node:assert/strict'
import { test } from 'node:test'
import { graphBuilder } from './builder.ts'
import { hoist } from './hoist.ts'
import { run } from './interpreter/interpret.ts'
import { float32 } from './interpreter/values.ts'
import { int, text } from './ir.ts'

const none = int(0)

/** A step of w ← w + tanh(√x·w)·(2·3), where x is scanned and as wide as is said, and the loss is what `append` makes of x, w and the new w. */
function step(width: number, append: (b: ReturnType<typeof graphBuilder>, values: Values) => string) {
  const b = graphBuilder()
  const [x, w] = ['x', 'w'].map((name) => b.input({ name, type: 'float32', shape: [width] }))
  const root = b.node('Sqrt', [x ?? ''], { name: 'root' })
  const product = b.node('Mul', [root, w ?? ''], { name: 'product' })
  const six = b.node('Mul', [b.scalar(2), b.scalar(3)], { name: 'six' })
  const turned = b.node('Mul', [b.node('Tanh', [product], { name: 'turned' }), six], { name: 'scaled' })
  const next = b.node('Add', [w ?? '', turned], { name: 'next' })
  const loss = append(b, { root, product, next })
  const { fixed, before, within, behind } = hoist(b, {
    graph: b.build('step', [next, loss]),
    scanned: ['x'],
    next: [next],
  })
  const names = (nodes: readonly { readonly outputs: readonly string[] }[]) => nodes.flatMap(({ outputs }) => outputs)
  return {
    fixed: names(fixed),
    before: names(before.map(({ node }) => node)),
    within: names(within),
    behind: names(behind.map(({ node }) => node)),
  }
}
type Values = { readonly root: string; readonly product: string; readonly next: string }

const mean = (b: ReturnType<typeof graphBuilder>, value: string) =>
  b.node('ReduceMean', [value], { name: 'loss', attributes: { keepdims: none } })

test('before the loop goes what needs no weight, behind it what no weight needs', () => {
  const parts = step(4, (b, { product }) => mean(b, b.node('Softplus', [product], { name: 'soft' })))
  assert.deepEqual(parts, {
    fixed: ['six'],
    before: ['root'],
    within: ['product', 'turned', 'scaled', 'next'],
    behind: ['soft', 'loss'],
  })
})

test('before it goes nothing whose bits could be others there', () => {
  const parts = step(4, (b, { product }) =>
    mean(b, b.node('Mul', [product, b.node('Exp', ['x'], { name: 'power' })], { name: 'soft' })),
  )
  assert.deepEqual([parts.before, parts.behind], [['root'], ['power', 'soft', 'loss']])
})

test('values that are large stay where they are', () => {
  const parts = step(1025, (b, { product }) => mean(b, product))
  assert.deepEqual([parts.before, parts.behind], [[], []])
})

test('what goes into the next step is not kept for all of them, nor what came from the one before', () => {
  assert.deepEqual(step(4, (b, { next }) => mean(b, next)).behind, [])
  assert.deepEqual(step(4, (b) => mean(b, 'w')).behind, [])
})

test('an operator that is another with an axis more keeps what is before it in the loop', () => {
  const parts = step(4, (b, { product }) => {
    const turned = b.node('Concat', [product, product], { name: 'both', attributes: { axis: none } })
    return mean(b, b.node('Neg', [turned], { name: 'negative' }))
  })
  assert.deepEqual([parts.within.at(-1), parts.behind], ['both', ['negative', 'loss']])
  const last = step(4, (b, { product }) => {
    const two = b.node('Concat', [b.node('Neg', [product], { name: 'negative' }), product], {
      attributes: { axis: none },
    })
    return b.node('ReduceMax', [two], { name: 'loss', attributes: { keepdims: none } })
  })
  assert.deepEqual(last.behind, [])
})

test('what differs from step to step is broadcast as in a single step, or not moved', () => {
  const b = graphBuilder()
  for (const [name, shape] of [
    ['x', [3]],
    ['y', [2, 3]],
    ['z', []],
  ] as const)
    b.input({ name, type: 'float32', shape })
  b.outer({ name: 'matrix', type: 'float32', shape: [2, 3] })
  const values = [
    b.node('Add', ['x', 'y'], { name: 'other' }),
    b.node('Add', ['y', b.table([3], [1, 2, 3])], { name: 'row' }),
    b.node('Add', ['y', 'y'], { name: 'same' }),
    b.node('Add', ['z', b.scalar(1)], { name: 'scalar' }),
    b.node('Add', ['x', 'matrix'], { name: 'wider' }),
  ]
  const { before } = hoist(b, { graph: b.build('step', values), scanned: ['x', 'y', 'z'], next: values })
  assert.deepEqual(
    before.flatMap(({ node }) => node.outputs),
    ['row', 'same', 'scalar'],
  )
})

test('examples get what is behind their values before the loop, all of them at once', () => {
  const b = graphBuilder()
  b.input({ name: 'x', type: 'float32', shape: [2, 3] })
  const longer = b.node('Pad', ['x', b.axes([1, 0, 0, 2]), b.scalar(7)], { name: 'longer' })
  const mirrored = b.node('Pad', ['x', b.axes([0, 0, 0, 1])], { name: 'mirrored', attributes: { mode: text('edge') } })
  const { before } = hoist(b, { graph: b.build('step', [longer, mirrored]), scanned: ['x'], next: [longer, mirrored] })
  assert.deepEqual(
    before.flatMap(({ node }) => node.outputs),
    ['longer'],
  )
  const outer = graphBuilder()
  outer.input({ name: 'xs', type: 'float32', shape: ['steps', 2, 3] })
  const value = before[0]?.stacked(outer, ['xs', longer, outer.scalar(7)]) ?? assert.fail()
  assert.deepEqual(outer.shape(value), ['steps', 3, 5])
  const given = float32([1, 2, 3], [1, 2, 3, 4, 5, 6])
  assert.deepEqual(run(outer.build('all', [value]), { xs: given }), {
    [value]: float32([1, 3, 5], [7, 7, 7, 7, 7, 1, 2, 3, 7, 7, 4, 5, 6, 7, 7]),
  })
})
