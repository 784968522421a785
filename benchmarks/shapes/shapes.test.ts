/** What is drawn, and what is made of onnx's answers; onnx itself is asked by `npm run bench -- shapes`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeModel } from '@wardround/core/graph/decode-model.ts'
import { shapedOperators } from '../../packages/core/src/graph/shapes/registry.ts'
import { shapeCases } from './cases.ts'
import { type Inferred, verdictOn } from './shapes.ts'

test('every operator with a shape rule is drawn, as files, with a batch of any size too', () => {
  const drawn = [...shapeCases({ cases: 2, seed: 1 })]
  assert.deepEqual(new Set(drawn.map(({ op }) => op)), shapedOperators)
  for (const { model, graph, symbolic } of drawn) {
    assert.deepEqual(decodeModel(model).graph.outputs, graph.outputs)
    assert.equal(
      graph.inputs.some(({ shape }) => shape.includes('batch')),
      symbolic,
    )
  }
  const open = new Set(drawn.flatMap(({ op, symbolic }) => (symbolic ? [op] : [])))
  for (const op of ['Conv', 'Relu', 'MaxPool', 'LSTM', 'LayerNormalization']) assert.ok(open.has(op), op)
})

test('an answer is the same, less, nothing, another, or one of the next operator set', () => {
  const ours = [{ type: 'float32', shape: ['batch', 3] } as const]
  const shaped = (...shape: (number | string | null)[]): Inferred => ({ outputs: [{ type: 1, shape }] })
  const on = (now: Inferred, later = now) => verdictOn(ours, { now, later })
  assert.equal(on(shaped('batch', 3)), 'same')
  assert.equal(on(shaped(null, 3)), 'less')
  assert.equal(on(shaped('unk__0', 3)), 'less')
  assert.equal(on(shaped('batch', null)), 'less')
  assert.equal(on(shaped(2, 3)), 'differs')
  assert.equal(on(shaped('batch', 4)), 'differs')
  assert.equal(on(shaped('batch', 3, 1)), 'differs')
  assert.equal(on(shaped('batch', 4), shaped('batch', 3)), 'later')
  assert.equal(on(shaped('batch', 4), shaped('batch', null)), 'differs')
  assert.equal(on({ outputs: [{ type: 7, shape: ['batch', 3] }] }), 'differs')
  assert.equal(on({ outputs: [{ type: 1, shape: null }] }), 'nothing')
  assert.equal(on({ outputs: [{ type: 0, shape: [] }] }), 'nothing')
  assert.equal(on({ error: 'no' }), 'refused')
  const two = [...ours, { type: 'int64', shape: [1] } as const]
  assert.equal(verdictOn(two, { now: shaped('batch', 3), later: shaped('batch', 3) }), 'nothing')
})
