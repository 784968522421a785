import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WardroundError } from '../../errors.ts'
import type { Model } from '../decode-model.ts'
import { run } from '../interpreter/interpret.ts'
import { float32, numbers } from '../interpreter/values.ts'
import type { Node, Tensor } from '../ir.ts'
import { importModel } from './network.ts'
import { withWeights } from './own-weights.ts'

const node = (op: string, inputs: readonly string[], output: string): Node => ({
  op,
  domain: '',
  inputs,
  outputs: [output],
  attributes: {},
})
const floats = (name: string, data: readonly number[]): Tensor => ({
  name,
  type: 'float32',
  shape: [data.length],
  data: Float32Array.from(data),
})

/** Where `b` and `c` are equal, and written once. */
const model: Model = {
  graph: {
    name: 'file',
    inputs: [{ name: 'x', type: 'float32', shape: ['batch', 2] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['batch', 2] }],
    initializers: [floats('b', [2, 3]), floats('d', [1, 1])],
    nodes: [
      node('Identity', ['b'], 'c'),
      node('Add', ['x', 'b'], 'h'),
      node('Mul', ['h', 'c'], 'g'),
      node('Sub', ['g', 'd'], 'y'),
    ],
  },
  opset: 20,
  metadata: { made: 'elsewhere' },
}

const tensor = (name: string, data: readonly number[], shape = [data.length]) => ({
  name,
  shape,
  data: Float32Array.from(data),
})

test('a model gets its weights back, those too that were written once for several', () => {
  const given = withWeights(model, [tensor('c', [10, 20]), tensor('b', [4, 5])])
  assert.deepEqual({ opset: given.opset, metadata: given.metadata }, { opset: 20, metadata: { made: 'elsewhere' } })
  const { y } = run(given.graph, { x: float32([1, 2], [1, 2]) })
  assert.deepEqual(numbers(y ?? assert.fail()).data, [49, 139])
  assert.deepEqual(
    importModel(given).weights.map((values) => [...values]),
    [
      [4, 5],
      [1, 1],
      [10, 20],
    ],
  )
})

test('what the model has not, or has in another shape, is invalid', () => {
  for (const [weight, problem] of [
    [tensor('z', [1]), /no tensor z/],
    [tensor('b', [1, 2], [2, 1]), /b is \[2\] in the model/],
    [tensor('b', [1], [2]), /b is/],
  ] as const)
    assert.throws(
      () => withWeights(model, [weight]),
      (error) =>
        error instanceof WardroundError &&
        error.code === 'WR_GRAPH_INVALID' &&
        problem.test(String(error.parameters.problem)),
    )
})
