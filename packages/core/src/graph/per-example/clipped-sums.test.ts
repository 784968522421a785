/** Clipping example by example, against its definition: a batch of one after another through the plain graph. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { float32, numbers, type Values } from '../interpreter/values.ts'
import { between, type Draw, drawn, oneOf } from '../testing/draws.ts'
import {
  clippedByDefinition,
  clippedGraph,
  drawFeeds,
  drawProblem,
  gradientsByExample,
  normOf,
  type Problem,
  problemOf,
  someClipNorm,
  sumsOf,
} from '../testing/per-example.ts'
import { usesAtOnce, usesOneByOne } from '../testing/per-example-uses.ts'
import { mostHeld } from './clipped-sums.ts'

/** Constants of a graph are Float32, and Gram products have a margin of 2⁻²⁰. */
function assertNear(found: readonly number[], wanted: readonly number[], what: string): void {
  const scale = normOf(wanted)
  const worst = wanted.findIndex(
    (value, index) => !(Math.abs(value - (found[index] ?? Number.NaN)) <= 1e-5 * (scale + 1e-9)),
  )
  assert.ok(
    found.length === wanted.length && worst < 0,
    `${what}: at ${worst} ${found[worst]}, by definition ${wanted[worst]}`,
  )
}

function assertByDefinition(g: Draw, problem: Problem, { held, what }: { held?: number; what: string }): boolean {
  const batch = between(g, 2, 4)
  const feeds = drawFeeds(g, problem, batch)
  const gradients = gradientsByExample(problem, { feeds, batch })
  const clipNorm = clipNormAmong(g, gradients)
  const clipped = clippedGraph(problem, { batch, clipNorm, ...(held === undefined ? {} : { held }) })
  const wanted = clippedByDefinition(gradients, clipNorm)
  assertNear(sumsOf(clipped, feeds), wanted, `${what}, ${batch} examples to the norm ${clipNorm}`)
  return clipped.made.isAtOnce
}

/** One that holds for all examples, some, or none. */
function clipNormAmong(g: Draw, gradients: readonly (readonly number[])[]): number {
  const clipNorm = Math.fround(Math.max(...gradients.map(normOf)) * oneOf(g, [0.125, 0.75, 2]))
  return clipNorm > 0 ? clipNorm : 1
}

for (const [uses, isAtOnce] of [
  [usesAtOnce, true],
  [usesOneByOne, false],
] as const)
  test(`what a parameter is to examples ${isAtOnce ? 'at once' : 'one by one'}: the sums are those of the definition`, () => {
    for (const [what, problem] of Object.entries(uses))
      fc.assert(
        fc.property(fc.gen(), (g) => assert.equal(assertByDefinition(g, problem, { what }), isAtOnce, what)),
        drawn(3),
      )
  })

test('random networks: the sums are those of the definition, at once and one by one', () => {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const [problem, held] = [drawProblem(g), oneOf(g, [mostHeld, mostHeld, -1])]
      const isAtOnce = assertByDefinition(g, problem, {
        held,
        what: JSON.stringify(problem.weights.map(({ name, shape }) => [name, shape])),
      })
      assert.equal(isAtOnce, held > 0)
    }),
    drawn(50),
  )
})

test('a batch of one is clipped, too', () => {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const [problem, clipNorm] = [problemOf([{ dense: 2 }, { dense: 1 }], 2), someClipNorm(g)]
      const feeds = drawFeeds(g, problem, 1)
      const wanted = clippedByDefinition(gradientsByExample(problem, { feeds, batch: 1 }), clipNorm)
      assertNear(sumsOf(clippedGraph(problem, { batch: 1, clipNorm }), feeds), wanted, String(clipNorm))
    }),
    drawn(20),
  )
})

test('nothing is held of a matrix that meets one row, or few; what is held is bounded', () => {
  const isAtOnce = (layers: readonly unknown[], input: readonly number[], held: number): boolean =>
    clippedGraph(problemOf(layers, input), { batch: 3, clipNorm: 1, held }).made.isAtOnce
  const dense = (units: number): readonly unknown[] => [{ dense: units, bias: false }, { flatten: {} }]
  assert.ok(isAtOnce(dense(2), [3], 0))
  // 2·2² < 2·5; 2·2² = 2·4.
  assert.ok(isAtOnce(dense(2), [2, 5], 0))
  assert.ok(!isAtOnce(dense(2), [2, 4], 0))
  assert.ok(isAtOnce([{ embedding: 3, outputs: 2 }, { flatten: {} }], [3], 0))
  // A part of 2·4 values for each of three examples.
  assert.ok(isAtOnce(dense(2), [2, 4], 24))
  assert.ok(!isAtOnce(dense(2), [2, 4], 23))
  const adapted = [{ dense: 4, lora: { rank: 1, alpha: 1 } }]
  assert.ok(isAtOnce(adapted, [2], 24))
  assert.ok(!isAtOnce(adapted, [2], 23))
})

test('one example moves the sum by no more than the norm, and in exchange for another by no more than twice that', () => {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const [problem, batch, clipNorm] = [drawProblem(g), between(g, 2, 4), someClipNorm(g)]
      const [feeds, others] = [drawFeeds(g, problem, batch), drawFeeds(g, problem, batch)]
      const example = between(g, 0, batch - 1)
      const clipped = clippedGraph(problem, { batch, clipNorm })
      const mixed = (from: Values): Values => ({
        ...feeds,
        ...Object.fromEntries(problem.inputs.map(({ name }) => [name, withExample(feeds, from, { name, example })])),
      })
      const nobody = { ...others, weight: float32([batch, 1], new Array<number>(batch).fill(0)) }
      const [all, changed, without] = [feeds, mixed(others), mixed(nobody)].map((values) => sumsOf(clipped, values))
      const moved = (one: readonly number[] = [], other: readonly number[] = []): number =>
        normOf(one.map((value, index) => value - (other[index] ?? Number.NaN)))
      assert.ok(moved(all, changed) <= 2 * clipNorm * (1 + 1e-9))
      assert.ok(moved(all, without) <= clipNorm * (1 + 1e-9))
    }),
    drawn(40),
  )
})

function withExample(feeds: Values, from: Values, { name, example }: { name: string; example: number }) {
  const [own, other] = [feeds, from].map((values) => numbers(values[name] ?? assert.fail(name)))
  if (own === undefined || other === undefined) return assert.fail(name)
  const size = own.data.length / (own.shape[0] ?? 1)
  return {
    ...own,
    data: own.data.toSpliced(example * size, size, ...other.data.slice(example * size, (example + 1) * size)),
  }
}
