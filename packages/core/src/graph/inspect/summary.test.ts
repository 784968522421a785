import assert from 'node:assert/strict'
import { test } from 'node:test'
import { layerSchema } from '../../study/layers.ts'
import type { WeightSpec } from '../layers/layer.ts'
import { partOf, summaryOfLayers, summaryOfTrace } from './summary.ts'
import type { TracedNode } from './trace.ts'

test('a study’s layers are rows, branches with what they hold', () => {
  const layers = [
    { conv1d: 4, kernel: 3, padding: 'same', name: 'stem' },
    {
      residual: [
        { conv1d: 4, kernel: 1 },
        { conv1d: 4, kernel: 1, bias: false },
      ],
    },
    { flatten: {} },
    { dense: 2 },
  ].map((layer) => layerSchema.parse(layer))
  assert.deepEqual(summaryOfLayers({ layers }, [3, 8]), [
    { name: 'stem', kind: 'conv1d', output: [4, 8], learnt: 4 * 3 * 3 + 4, kept: 0, frozen: 0 },
    { name: 'residual', kind: 'residual', output: [4, 8], learnt: 4 * 4 + 4 + 4 * 4, kept: 0, frozen: 0 },
    { name: 'flatten', kind: 'flatten', output: [32], learnt: 0, kept: 0, frozen: 0 },
    { name: 'dense', kind: 'dense', output: [2], learnt: 32 * 2 + 2, kept: 0, frozen: 0 },
  ])
})

test('what a study freezes is counted apart', () => {
  const layers = [
    { dense: 2, name: 'body' },
    { dense: 1, name: 'head' },
  ].map((layer) => layerSchema.parse(layer))
  assert.deepEqual(
    summaryOfLayers({ layers, frozen: ['body.*'] }, 3).map(({ learnt, frozen }) => [learnt, frozen]),
    [
      [0, 8],
      [3, 0],
    ],
  )
})

const spec = (name: string, shape: readonly number[], learnt = true): WeightSpec => ({
  name,
  shape,
  initial: { constant: 0 },
  learnt,
  penalised: false,
})
const traced = (op: string, output: readonly number[], weights: readonly string[]): TracedNode => ({
  op,
  name: op,
  output,
  from: [-1],
  weights,
})

test('an imported model’s weights are rows by what their names begin with', () => {
  const nodes = [
    traced('MatMul', [5, 7], ['head.fc.weight']),
    traced('Add', [5, 8], ['head.fc.bias', 'alone']),
    traced('BatchNormalization', [5, 9], ['head.bn.weight', 'head.bn.running_mean']),
    traced('Relu', [5, 9], []),
  ]
  const weights = [
    spec('head.fc.weight', [3, 7]),
    spec('head.fc.bias', [7]),
    spec('head.bn.weight', [9]),
    spec('head.bn.running_mean', [9], false),
    spec('alone', []),
  ]
  assert.deepEqual(summaryOfTrace({ nodes, failures: [] }, weights), [
    { name: 'head.fc', kind: 'MatMul, Add', output: [5, 8], learnt: 28, kept: 0, frozen: 0 },
    { name: 'alone', kind: 'Add', output: [5, 8], learnt: 1, kept: 0, frozen: 0 },
    { name: 'head.bn', kind: 'BatchNormalization', output: [5, 9], learnt: 9, kept: 9, frozen: 0 },
  ])
})

test('the last step of a name says what a weight is to its layer', () => {
  assert.deepEqual(['a.b.weight', 'model/dense/kernel', 'w'].map(partOf), ['a.b', 'model/dense', 'w'])
})
