import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Preparation } from '../preparation/schema.ts'
import { type Study, studySchema } from '../study/study.ts'
import { decodeModel } from './decode-model.ts'
import { exportModel, exportParts } from './export.ts'
import { run } from './interpreter/interpret.ts'
import { float32, numbers, type Value, type Values } from './interpreter/values.ts'
import { opsetVersion } from './ir.ts'
import { checkGraph } from './safelist.ts'
import { drawn } from './testing/draws.ts'
import { drawFinished, sitePrediction } from './testing/finished.ts'

const study: Study = studySchema.parse({
  wardround: 1,
  name: 'small',
  question: 'Is it?',
  data: {
    patient: 'who',
    target: { column: 'y', classes: { b: 'B', a: 'A', c: 'C' } },
    columns: {
      age: { type: 'number', unit: 'a', range: [0, 120] },
      sex: { type: 'category', values: { 0: 'female', 1: 'male', 2: 'other' } },
    },
  },
  model: { layers: [{ dense: 1, name: 'output' }] },
  training: { loss: 'meanSquaredError', optimizer: { sgd: { rate: 0.1 } }, batch: 8, epochs: 1 },
  strategy: { fedAvg: {} },
  rounds: { maximum: 3 },
})
const preparation: Preparation = {
  columns: [
    { name: 'age', type: 'number', fill: 50, mean: 40, standardDeviation: 8 },
    { name: 'sex', type: 'category', fill: '1', codes: ['0', '1', '2'] },
  ],
  normalise: 'global',
  contributors: ['north'],
}
const weights = [
  { name: 'output.kernel', shape: [3, 1], data: Float32Array.of(1, 10, 100) },
  { name: 'output.bias', shape: [1], data: Float32Array.of(0.5) },
]
const options = { study, planHash: 'hash', preparation, weights }
const column = (...data: readonly number[]): Value => float32([data.length, 1], data)
const texts = (...data: readonly string[]): Value => ({ type: 'string', shape: [data.length, 1], data })
const predicted = (bytes: Uint8Array, feeds: Values): readonly number[] => {
  const { graph } = decodeModel(bytes)
  checkGraph(graph)
  const [output] = graph.outputs
  return numbers(run(graph, feeds)[output?.name ?? ''] ?? assert.fail('no output')).data
}

test('values, missing and implausible values, unknown codes, by hand', () => {
  const feeds = {
    age: column(48, Number.NaN, 0, 120, -1, 121, Number.POSITIVE_INFINITY, 40),
    sex: texts('0', '1', '2', '', '0', '3', '1.0', '0'),
  }
  // (age − 40) / 8, +10 for code 1, +100 for code 2, +½; missing is age 50 and code 1.
  assert.deepEqual(predicted(exportModel(options), feeds), [1.5, 11.75, 95.5, 20.5, 1.75, 11.75, 11.75, 0.5])
})

test('a hospital’s own scales replace the federation’s; the fill value does not change', () => {
  const bytes = exportModel({ ...options, scales: { numbers: { age: { mean: 48, standardDeviation: 2 } } } })
  assert.deepEqual(predicted(bytes, { age: column(48, Number.NaN), sex: texts('0', '0') }), [0.5, 1.5])
})

test('inputs are the columns, by name and kind; nothing else has to be known', () => {
  const { graph, opset } = decodeModel(exportModel(options))
  assert.deepEqual(graph.inputs, [
    { name: 'age', type: 'float32', shape: ['rows', 1] },
    { name: 'sex', type: 'string', shape: ['rows', 1] },
  ])
  assert.deepEqual(graph.outputs, [{ name: 'prediction', type: 'float32', shape: ['rows', 1] }])
  assert.equal(opset, opsetVersion)
})

test('a model says which study it is from, its classes in order, and in which units it wants its numbers', () => {
  const { metadata } = decodeModel(exportModel(options))
  assert.equal(metadata.study, 'small')
  assert.equal(metadata.planHash, 'hash')
  assert.equal(metadata.question, 'Is it?')
  assert.deepEqual(JSON.parse(metadata.classes ?? ''), ['a', 'b', 'c'])
  assert.deepEqual(JSON.parse(metadata.units ?? ''), { age: 'a' })
})

test('the same model has the same bytes', () => {
  assert.deepEqual(exportModel(structuredClone(options)), exportModel(options))
})

test('a single column needs no joining', () => {
  const [age] = preparation.columns
  assert.ok(age !== undefined)
  const bytes = exportModel({
    ...options,
    preparation: { ...preparation, columns: [age] },
    weights: [{ name: 'output.kernel', shape: [1, 1], data: Float32Array.of(2) }, ...weights.slice(1)],
  })
  assert.deepEqual(predicted(bytes, { age: column(48) }), [2.5])
})

test('a column may be called like anything that a graph is made of', () => {
  for (const name of [
    'prediction',
    'const_0',
    'const_50',
    'axes_1',
    'And_3',
    'GreaterOrEqual_1',
    'Concat_9',
    'features',
  ]) {
    const renamed: Study = {
      ...study,
      data: { ...study.data, columns: { [name]: { type: 'number', unit: 'a', range: [0, 120] } } },
    }
    const [age] = preparation.columns
    assert.ok(age?.type === 'number')
    const bytes = exportModel({
      ...options,
      study: renamed,
      preparation: { ...preparation, columns: [{ ...age, name }] },
      weights: [{ name: 'output.kernel', shape: [1, 1], data: Float32Array.of(2) }, ...weights.slice(1)],
    })
    // (56 − 40) / 8 · 2 + ½; 50 where it is missing.
    assert.deepEqual(predicted(bytes, { [name]: column(56, Number.NaN) }), [4.5, 3], name)
  }
})

test('in parts, with its weights filled in where their names stand, it is the very same file', () => {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const { weights, ...finished } = drawFinished(g)
      const { parts, sizeBytes } = exportParts({ ...finished, planHash: 'hash' })
      const filled = parts.map((part) => {
        if (part instanceof Uint8Array) return part
        const { data } = weights.find(({ name }) => name === part.tensor) ?? assert.fail(part.tensor)
        return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      })
      const file = Buffer.concat(filled)
      assert.ok(file.equals(exportModel({ ...finished, weights, planHash: 'hash' })))
      assert.equal(sizeBytes, file.length)
      assert.equal(parts.filter((part) => !(part instanceof Uint8Array)).length, weights.length)
    }),
    drawn(),
  )
})

test('the file tells what the site tells, for any study and any records', () => {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const finished = drawFinished(g)
      const found = predicted(exportModel({ ...finished, planHash: 'hash' }), finished.columns)
      const wanted = sitePrediction(finished).data
      assert.equal(found.length, wanted.length)
      for (const [index, value] of wanted.entries()) {
        const other = found[index] ?? Number.NaN
        // The site's inputs are rounded to Float32 once, the file's constants too.
        assert.ok(Math.abs(other - value) <= 1e-4 * Math.max(1, Math.abs(value)), `${other} and ${value}`)
      }
    }),
    drawn(),
  )
})
