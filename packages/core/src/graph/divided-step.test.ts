import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { modelSchema, trainingSchema } from '../study/model.ts'
import { sizeOf } from '../weights.ts'
import { dividedStep } from './divided-step.ts'
import { epochGraph } from './epoch.ts'
import { run } from './interpreter/interpret.ts'
import { float32, type NumberValue, numbers, type Value, type Values } from './interpreter/values.ts'
import { checkGraph } from './safelist.ts'
import { type StepOptions, stepParts } from './step.ts'
import { drawn } from './testing/draws.ts'
import { drawTraining } from './testing/training.ts'

const data = (value: Value | undefined): readonly number[] => numbers(value ?? assert.fail('no value')).data

/** A line from two inputs: ŷ = x·w + b. */
const line: StepOptions = {
  model: modelSchema.parse({ layers: [{ dense: 1, name: 'output' }] }),
  training: trainingSchema.parse({
    loss: 'meanSquaredError',
    optimizer: { sgd: { rate: 0.25, momentum: 0.5 } },
    l2: 0.5,
    batch: 2,
    epochs: 1,
  }),
  inputs: 2,
  batch: 2,
  weighted: false,
}

test('a step of a line, by hand: the first half has no gradient of the kernel, and each of its rows is updated by itself', () => {
  const step = dividedStep(line, 2)
  const first = run(step.graph, {
    features: float32([3, 2], [1, 2, 0, 1, 9, 9]),
    target: float32([3, 1], [1, 3, 9]),
    'output.kernel': float32([2, 1], [1, 2]),
    'output.bias': float32([1], [0]),
    'output.bias@velocity': float32([1], [2]),
    'step/batch': { type: 'int32', shape: [2], data: [0, 1] },
  })
  // ŷ = 5, 2, errors e = 4, −1: L = 17/2, dL/dŷ = 4, −1 (2e over two records). db = 3, v = ½·2 + 3 = 4, b = 0 − ¼·4.
  assert.deepEqual(data(first[step.loss]), [8.5])
  assert.deepEqual(
    ['output.bias', 'output.bias@velocity'].map((name) => data(first[step.next.get(name) ?? ''])),
    [[-1], [4]],
  )
  const [update] = step.updates
  assert.ok(update !== undefined && step.updates.length === 1)
  assert.deepEqual(
    [update.shape, update.next],
    [
      [2, 1],
      ['output.kernel', 'output.kernel@velocity'],
    ],
  )
  // dw = xᵀ·(4, −1) + ½·w = (4, 7) + (½, 1); velocities 1 and 0: v = 5, 8; w = 1 − 5/4, 2 − 2.
  const kept: Values = { 'output.kernel': float32([2, 1], [1, 2]), 'output.kernel@velocity': float32([2, 1], [1, 0]) }
  const rows = [0, 1].map((row) => {
    const feeds = update.inputs.map(({ name, of, part }): [string, NumberValue] => {
      const value = numbers({ ...first, ...kept }[of] ?? assert.fail(of))
      if (part === 'whole') return [name, value]
      const column = value.data.filter((_, index) => index % (value.shape[1] ?? 1) === row)
      return [name, part === 'rows' ? float32([1, 1], [value.data[row] ?? Number.NaN]) : float32([2, 1], column)]
    })
    const next = run(update.graph, Object.fromEntries(feeds))
    return update.graph.outputs.map(({ name }) => data(next[name])[0])
  })
  assert.deepEqual(rows, [
    [-0.25, 5],
    [0, 8],
  ])
})

test('of any model, what is carried comes out of one half or the other, once, and the first has no more than it needs', () => {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const { options } = drawTraining(g)
      const { groups: _, ...own } = options
      const { weights, state } = epochGraph(own)
      const step = dividedStep(own, 2)
      for (const graph of [step.graph, ...step.updates.map((update) => update.graph)]) checkGraph(graph)
      const next = [...step.next.keys(), ...step.updates.flatMap((update) => update.next)]
      assert.deepEqual(next.toSorted(), [...weights, ...state].map(({ name }) => name).toSorted())
      const read = new Set(step.updates.flatMap(({ inputs }) => inputs.map(({ of }) => of)))
      const wanted = new Set([step.loss, ...step.next.values()])
      for (const { name } of step.graph.outputs) assert.ok(read.has(name) || wanted.has(name), name)
      // A matrix has its gradient from two that are as high as a batch; its rows are of what was there before the step.
      const given = new Set(stepParts(own).outer.map(({ name }) => name))
      for (const { shape, inputs } of step.updates) {
        if (shape.length !== 2) continue
        assert.equal(inputs.filter(({ part }) => part === 'columns').length, 1)
        for (const { part, of } of inputs)
          assert.ok(part !== 'rows' || given.has(of) || next.includes(of), `${of} is made whole`)
      }
      assert.deepEqual(
        step.updates.map(({ shape }) => shape),
        stepParts(own)
          .learnt.map(({ shape }) => shape)
          .filter((shape) => sizeOf(shape) >= 2),
      )
    }),
    drawn(60),
  )
})

test('what is not large is updated in the first half, and then that is the whole step', () => {
  const { updates, next } = dividedStep(line, 3)
  assert.deepEqual([updates.length, next.size], [0, 4])
})
