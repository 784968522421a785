import assert from 'node:assert/strict'
import { test } from 'node:test'
import { optimizerSchema } from '../study/optimizer.ts'
import { graphBuilder } from './builder.ts'
import { run } from './interpreter/interpret.ts'
import { float32 } from './interpreter/values.ts'
import { optimizerOf } from './optimizers/registry.ts'
import { pack, packingOf, unpack } from './packing.ts'

const learnt = [
  { name: 'a.kernel', shape: [2, 3] },
  { name: 'a.bias', shape: [3] },
]
const packed = (optimizer: object, tensors = learnt) =>
  packingOf({ learnt: tensors, optimizer: optimizerOf(optimizerSchema.parse(optimizer)) })

test('weights and each kind of their state become vectors', () => {
  assert.deepEqual(
    packed({ adam: { rate: 1 } })?.vectors.map(({ value, tensors }) => [
      value.name,
      value.shape,
      tensors.map(({ name }) => name),
    ]),
    [
      ['packed', [9], ['a.kernel', 'a.bias']],
      ['packed@m', [9], ['a.kernel@m', 'a.bias@m']],
      ['packed@v', [9], ['a.kernel@v', 'a.bias@v']],
    ],
  )
})

test('where nothing is saved, or an optimizer looks at whole tensors, they stay what they are', () => {
  const third = { name: 'b.kernel', shape: [3, 1] }
  assert.deepEqual(packed({ lamb: { rate: 1 } }), undefined)
  assert.deepEqual(packed({ sgd: { rate: 1 } }, [...learnt, third]), undefined)
  assert.deepEqual(packed({ sgd: { rate: 1, momentum: 0.5 } }), undefined)
  assert.equal(packed({ sgd: { rate: 1, momentum: 0.5 } }, [...learnt, third])?.vectors.length, 2)
  const large = [
    { name: 'a.kernel', shape: [2, 1024] },
    { name: 'a.bias', shape: [1] },
  ]
  assert.deepEqual(packed({ adam: { rate: 1 } }, large), undefined)
})

test('what was put into a vector comes out of it', () => {
  const b = graphBuilder()
  for (const { name, shape } of learnt) b.input({ name, type: 'float32', shape })
  const vector = pack(b, ['a.kernel', 'a.bias'])
  assert.deepEqual(b.shape(vector), [9])
  unpack(
    b,
    vector,
    learnt.map((tensor) => ({ ...tensor, name: `next/${tensor.name}` })),
  )
  const feeds = { 'a.kernel': float32([2, 3], [1, 2, 3, 4, 5, 6]), 'a.bias': float32([3], [7, 8, 9]) }
  assert.deepEqual(run(b.build('both', ['next/a.kernel', 'next/a.bias']), feeds), {
    'next/a.kernel': feeds['a.kernel'],
    'next/a.bias': feeds['a.bias'],
  })
})
