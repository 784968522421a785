/** Every loss and its gradient: PyTorch's in double precision, and what differences say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../../errors.ts'
import type { Loss } from '../../study/loss.ts'
import { lossNames } from '../../study/outcome.ts'
import { graphBuilder } from '../builder.ts'
import { run } from '../interpreter/interpret.ts'
import { numbers, type Value, type Values } from '../interpreter/values.ts'
import { checkGraph } from '../safelist.ts'
import { drawn, integersOf } from '../testing/draws.ts'
import { drawLoss, type LossUse, lossGraph, pytorchGans, pytorchLosses } from '../testing/losses.ts'
import { appendLoss } from './registry.ts'

const data = (value: Value | undefined): readonly number[] => numbers(value ?? assert.fail('no value')).data

function assertNear(found: Values, wanted: Values, tolerance: number): void {
  for (const [name, value] of Object.entries(wanted)) {
    assert.deepEqual(found[name]?.shape, value.shape, name)
    for (const [index, expected] of data(value).entries()) {
      const other: number = data(found[name])[index] ?? Number.NaN
      assert.ok(
        Math.abs(other - expected) <= tolerance * Math.max(1, Math.abs(expected)),
        `${name} ${index}: ${other} and ${expected}`,
      )
    }
  }
}

for (const use of pytorchLosses)
  test(`${use.name}: the loss and its gradient are PyTorch's`, () => {
    const graph = lossGraph(use)
    checkGraph(graph)
    // Constants are Float32.
    assertNear(run(graph, use.feeds), use.wanted, 1e-7)
  })

for (const { name, graph, feeds, wanted } of pytorchGans)
  test(`${name}: what discriminator and generator lose, and by what, is PyTorch's`, () => {
    assertNear(run(graph, feeds), wanted, 1e-7)
  })

test('every loss that a study may name is among PyTorch’s', () => {
  const named = new Set(pytorchLosses.map(({ loss }) => (typeof loss === 'string' ? loss : Object.keys(loss)[0])))
  for (const name of lossNames) assert.ok(named.has(name), name)
})

const step = 2 ** -10

/** Along a direction, by the five-point central difference (Abramowitz and Stegun 1964, 25.3.6). */
function slope({ loss, feeds }: LossUse, direction: readonly number[]): number {
  const { logits } = feeds
  if (logits === undefined) assert.fail()
  const graph = lossGraph({ loss, feeds })
  const forward = { ...graph, outputs: graph.outputs.filter(({ name }) => name === 'loss') }
  const at = (shift: number): number => {
    const moved = { ...logits, data: logits.data.map((value, index) => value + shift * (direction[index] ?? 0)) }
    return data(run(forward, { ...feeds, logits: moved }).loss)[0] ?? Number.NaN
  }
  return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)
}

test('every gradient is what differences say, along any direction', () => {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const use = drawLoss(g)
      const gradient = data(run(lossGraph(use), use.feeds).gradient)
      const direction = integersOf(g, gradient.length, { min: -64, max: 64 }).map((value) => value / 64)
      const found = gradient.reduce((sum, value, index) => sum + value * (direction[index] ?? 0), 0)
      const wanted = slope(use, direction)
      assert.ok(
        Math.abs(found - wanted) <= 1e-7 * Math.max(1, Math.abs(wanted)),
        `${JSON.stringify({ use, direction })}: ${found}, by differences ${wanted}`,
      )
    }),
    drawn(120),
  )
})

const shaped = (loss: Loss, logits: readonly number[], target: readonly number[]): string => {
  const b = graphBuilder()
  b.input({ name: 'logits', type: 'float32', shape: logits })
  b.input({ name: 'target', type: 'float32', shape: target })
  try {
    appendLoss(b, loss, { logits: 'logits', target: 'target' })
    return 'taken'
  } catch (error) {
    return error instanceof WardroundError ? error.code : String(error)
  }
}

test('a target of another shape is refused: broadcasting would make a loss of it that nobody meant', () => {
  for (const [loss, logits, target] of [
    ['binaryCrossEntropy', [4, 3], [4, 1]],
    ['binaryCrossEntropy', [4, 1], [4, 3]],
    ['meanSquaredError', [4, 2], [4, 1]],
    ['meanAbsoluteError', [4, 1], [1, 1]],
    [{ huber: { delta: 1 } }, [4, 2], [4, 1]],
    [{ binaryFocalCrossEntropy: { gamma: 2, alpha: 0.5 } }, [4, 3], [4, 1]],
    ['categoricalCrossEntropy', [4, 3], [4, 3]],
    ['dice', [4, 3, 5], [4, 3, 5]],
    ['dice', [4, 3, 5], [4, 1, 6]],
    ['coxPartialLikelihood', [4, 1], [4, 1]],
    ['coxPartialLikelihood', [4, 2], [4, 2]],
  ] as const)
    assert.equal(shaped(loss, logits, target), 'WR_GRAPH_INVALID', JSON.stringify([loss, logits, target]))
})

test('a loss that adjusts logits is none without one number for each class', () => {
  const adjusted = (adjustment: readonly number[] | undefined): string => {
    const b = graphBuilder()
    b.input({ name: 'logits', type: 'float32', shape: [4, 3] })
    b.input({ name: 'target', type: 'float32', shape: [4, 1] })
    if (adjustment !== undefined) b.input({ name: 'adjustment', type: 'float32', shape: adjustment })
    const inputs = { logits: 'logits', target: 'target', ...(adjustment && { adjustment: 'adjustment' }) }
    try {
      return appendLoss(b, { categoricalCrossEntropy: { logitAdjustment: 1 } }, inputs) && 'taken'
    } catch (error) {
      return error instanceof WardroundError ? error.code : String(error)
    }
  }
  assert.equal(adjusted([1, 3]), 'taken')
  for (const shape of [undefined, [1, 1], [4, 3], [3]]) assert.equal(adjusted(shape), 'WR_GRAPH_INVALID', String(shape))
})

test('the partial likelihood has no weights of examples, and no batch whose square is too large', () => {
  assert.equal(shaped('coxPartialLikelihood', [4096, 1], [4096, 2]), 'taken')
  assert.equal(shaped('coxPartialLikelihood', [4097, 1], [4097, 2]), 'WR_GRAPH_REFUSED')
  const b = graphBuilder()
  for (const [name, width] of [
    ['logits', 1],
    ['target', 2],
    ['weight', 1],
  ] as const)
    b.input({ name, type: 'float32', shape: [3, width] })
  assert.throws(
    () => appendLoss(b, 'coxPartialLikelihood', { logits: 'logits', target: 'target', weight: 'weight' }),
    (error) => error instanceof WardroundError && error.code === 'WR_GRAPH_REFUSED',
  )
})
