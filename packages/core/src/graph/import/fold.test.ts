/** What is worked out of constants, and that a file can keep nobody busy with it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '../../errors.ts'
import { build, float32, type Value } from '../interpreter/values.ts'
import { type Attribute, int, ints, type Node } from '../ir.ts'
import { folder } from './fold.ts'

const node = (op: string, count: number, attributes: Readonly<Record<string, Attribute>> = {}): Node => ({
  op,
  domain: '',
  inputs: Array.from({ length: count }, (_, index) => `x${index}`),
  outputs: ['y'],
  attributes,
})
const ones = (...shape: readonly number[]): Value => build('float32', shape, () => 1)
const whole = (...data: readonly number[]): Value => ({ type: 'int64', shape: [data.length], data })
const fold = (op: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}) =>
  folder().fold(node(op, inputs.length, attributes), inputs)

test('what is small is worked out, in Float32', () => {
  assert.deepEqual(fold('Concat', [whole(1), whole(2, 3)], { axis: int(0) }), [whole(1, 2, 3)])
  assert.deepEqual(fold('Div', [ones(1), float32([1], [3])]), [float32([1], [Math.fround(1 / 3)])])
  assert.equal(fold('Add', [ones(128, 1), ones(1, 128)])?.[0]?.data.length, 2 ** 14)
  assert.deepEqual(fold('ReduceSum', [ones(2 ** 14 - 1)]), [float32([1], [2 ** 14 - 1])])
})

test('what would be large, or long in the making, is left to whoever runs the model', () => {
  const uses: readonly (readonly [string, readonly Value[], Readonly<Record<string, Attribute>>?])[] = [
    ['Add', [ones(128, 1), ones(1, 129)]],
    ['MatMul', [ones(200, 1), ones(1, 200)]],
    ['MatMul', [ones(60, 60), ones(60, 60)]],
    ['Gather', [ones(1, 200), whole(...new Array<number>(200).fill(0))], { axis: int(0) }],
    ['OneHot', [whole(0), whole(2 ** 15), float32([2], [0, 1])]],
    ['Conv', [ones(1, 1, 1), ones(1, 1, 1)], { pads: ints([2 ** 14, 2 ** 14]) }],
    ['ConvTranspose', [ones(1, 1, 2), ones(1, 1, 1)], { strides: ints([2 ** 15]) }],
    ['AveragePool', [ones(1, 1, 1)], { kernel_shape: ints([2 ** 15]), pads: ints([2 ** 15 - 1, 2 ** 15 - 1]) }],
    ['Expand', [ones(1), whole(2 ** 15)]],
    ['Tile', [ones(1), whole(2 ** 15)]],
    ['ConstantOfShape', [whole(2 ** 15)]],
    ['Softmax', [ones(1000)]],
    ['CumSum', [ones(1000), whole(0)]],
    ['ReduceSum', [ones(2 ** 14 + 1)]],
  ]
  for (const [op, inputs, attributes] of uses) assert.equal(fold(op, inputs, attributes), undefined, op)
})

test('many small things together are long, too', () => {
  const { fold: next } = folder()
  const add = node('Add', 2)
  const large = [ones(64, 64), ones(64, 64)]
  const folded = Array.from({ length: 100 }, () => next(add, large)).filter((made) => made !== undefined)
  assert.ok(folded.length > 10 && folded.length < 100, String(folded.length))
  assert.equal(next(add, large), undefined)
})

test('what does not fit together is refused with its code', () => {
  for (const [op, inputs] of [
    ['Add', [ones(2), ones(3)]],
    ['Add', []],
    ['Reshape', [ones(2), whole(3)]],
    ['Made', [ones(1)]],
  ] as const)
    assert.throws(
      () => fold(op, inputs),
      (error) => error instanceof WardroundError && error.code === 'WR_GRAPH_INVALID',
      op,
    )
})

test('what a type cannot hold, what is no number, texts and nonsense are left to whoever runs the model', () => {
  const bytes: Value = { type: 'uint8', shape: [1], data: [200] }
  const small: Value = { type: 'int32', shape: [1], data: [2 ** 30] }
  assert.equal(fold('Add', [bytes, bytes]), undefined)
  assert.equal(fold('Sub', [{ ...bytes, data: [1] }, bytes]), undefined)
  assert.equal(fold('Add', [small, small]), undefined)
  assert.equal(fold('Mul', [whole(2 ** 50), whole(2 ** 50)]), undefined)
  assert.equal(fold('Div', [whole(1), whole(0)]), undefined)
  assert.equal(fold('Cast', [float32([1], [Number.NaN])], { to: int(7) }), undefined)
  // An index that points nowhere.
  assert.equal(fold('Gather', [ones(2), whole(5)]), undefined)
  assert.equal(fold('Neg', [{ type: 'string', shape: [1], data: ['text'] }]), undefined)
  assert.deepEqual(fold('Log', [float32([1], [0])]), [float32([1], [-Infinity])])
})
