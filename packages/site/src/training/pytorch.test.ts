/** Whole training runs against PyTorch's in double precision: same first weights, same batches, loss by loss and weight by weight. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numbers } from '@wardround/core/graph/interpreter/values.ts'
import { pytorchOutputs, pytorchRuns, pytorchTraining } from '@wardround/core/graph/testing/training.ts'
import { modelSchema } from '@wardround/core/study/model.ts'
import { assertNear, onRuntime } from './testing/on-runtime.ts'

/** Twenty steps in Float32 against twenty in Float64. */
const tolerance = { relative: 1e-4, absolute: 2e-6 }

for (const run of pytorchRuns) {
  test(`${run.name}: losses and weights are PyTorch's`, async () => {
    const { epoch, feeds } = pytorchTraining(run)
    const outputs = await onRuntime(epoch.graph, feeds)
    for (const [name, wanted] of Object.entries(pytorchOutputs(run, epoch)))
      assertNear(outputs[name], wanted, { tolerance, what: name })
  })
}

test('the runs move the weights far beyond the tolerance, so that agreement means something', () => {
  for (const { name, first, final } of pytorchRuns) {
    assert.deepEqual(Object.keys(first), Object.keys(final))
    const [before, after] = [Object.values(first).flat(), Object.values(final).flat()]
    const moved = Math.sqrt(before.reduce((sum, value, index) => sum + (value - (after[index] ?? 0)) ** 2, 0))
    assert.ok(moved > 0.1, `${name}: ${moved}`)
  }
})

test('dropout, class weights, L2, the proximal term, a correction and clipping change the run: their fixtures would fail without them', async () => {
  const plain = modelSchema.parse({
    layers: [
      { dense: 6, activation: 'relu' },
      { dense: 1, name: 'output' },
    ],
  })
  const unclipped = {
    loss: 'categoricalCrossEntropy' as const,
    optimizer: { sgd: { rate: 0.05, momentum: 0.9 } },
    l2: 0.05,
  }
  for (const [name, change] of [
    ['dropout', { model: plain }],
    ['FedProx', { proximalMu: 0 }],
    ['FedProx', { weighted: false }],
    ['SCAFFOLD', { corrected: false }],
    ['FedDyn', { corrected: false }],
    ['clipped by norm', { training: unclipped }],
    ['clipped by value', { training: unclipped }],
    ['AdamW, constant, warm', { scheduled: false }],
    ['logistic, momentum', { weighted: false }],
    [
      'logistic, momentum',
      { training: { loss: 'binaryCrossEntropy', optimizer: { sgd: { rate: 0.05, momentum: 0.9 } }, l2: 0 } },
    ],
  ] as const) {
    const run = pytorchRuns.find((candidate) => candidate.name === name) ?? assert.fail(name)
    const { epoch, feeds } = pytorchTraining(run, change)
    const inputs = new Set(epoch.graph.inputs.map((input) => input.name))
    const used = Object.fromEntries(Object.entries(feeds).filter(([input]) => inputs.has(input)))
    const losses = numbers((await onRuntime(epoch.graph, used)).losses ?? assert.fail(name)).data
    const apart = run.losses.filter((loss, step) => Math.abs(loss / (losses[step] ?? 0) - 1) > 1e-3)
    assert.ok(apart.length > 5, `${name}: ${losses.join(' ')}`)
  }
})
