/** What is no sum over examples is refused; and what an example cannot do to the sum, whatever it is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ErrorCode, WardroundError } from '../../errors.ts'
import type { GraphBuilder } from '../builder.ts'
import { float32, type Values } from '../interpreter/values.ts'
import { int, ints } from '../ir.ts'
import { coxPartialLikelihood } from '../losses/cox.ts'
import { between, drawn } from '../testing/draws.ts'
import { clippedGraph, drawFeeds, normOf, type Problem, problemOf, sumsOf, useProblem } from '../testing/per-example.ts'
import { usesAtOnce, usesOneByOne } from '../testing/per-example-uses.ts'

const fails = (
  problem: Problem,
  [code, what]: readonly [ErrorCode, RegExp],
  options: { batch?: number; clipNorm?: number; held?: number } = {},
): void =>
  assert.throws(
    () => clippedGraph(problem, { batch: 3, clipNorm: 1, ...options }),
    (error) => error instanceof WardroundError && error.code === code && what.test(error.message),
    String(what),
  )
const refused = (what: RegExp) => ['WR_GRAPH_REFUSED', what] as const
const invalid = (what: RegExp) => ['WR_GRAPH_INVALID', what] as const
const whole = (b: GraphBuilder, x: string): string => b.node('ReduceSum', [x], { attributes: { keepdims: int(0) } })
const turned = (b: GraphBuilder, x: string): string => b.node('Transpose', [x], { attributes: { perm: ints([1, 0]) } })

test('batch normalisation is refused in training, with what to use instead', () => {
  const problem = problemOf([{ dense: 2 }, { batchNormalization: {} }, { dense: 1 }], 2)
  const wanted = refused(/batch normalisation \(use groupNormalization/)
  fails(problem, wanted)
  fails(problem, wanted, { held: -1 })
  const images = problemOf([{ batchNormalization: {} }, { flatten: {} }, { dense: 1 }], [1, 2, 2])
  for (const batch of [1, 2]) fails(images, wanted, { batch })
  // Behind something that is not known to keep examples apart, too.
  const behind = useProblem({ x: [2, 2] }, { w: [2], scale: [2], bias: [2] }, (b, [x = '']) => {
    const picked = b.node(
      'GatherElements',
      [b.node('Mul', [x, 'w']), b.node('Cast', [b.node('Greater', [x, b.scalar(0)])], { attributes: { to: int(7) } })],
      { attributes: { axis: int(2) } },
    )
    const statistics = [b.table([2], [0, 0]), b.table([2], [1, 1])].map((name) => b.node('Mul', [name, b.scalar(1)]))
    return (
      b.several('BatchNormalization', [picked, 'scale', 'bias', ...statistics], {
        outputs: 3,
        attributes: { training_mode: int(1) },
      })[0] ?? ''
    )
  })
  fails(behind, wanted)
})

/** A loss of two numbers an example, made of x·w. */
const losing = (loss: (b: GraphBuilder, names: { z: string; x: string }) => string): Problem => ({
  ...useProblem({ x: [2] }, { w: [2] }, (_, [x = '']) => x),
  append: (b, [x = '']) => loss(b, { z: b.node('Mul', [x, 'w']), x }),
})

test('what brings examples together is refused, by name', () => {
  const cases: readonly (readonly [RegExp, Problem])[] = [
    [/Div of a sum over examples/, losing((b, { z, x }) => b.node('Div', [whole(b, z), whole(b, x)]))],
    [/Mul of a sum over examples/, losing((b, { z }) => b.node('Mul', [whole(b, z), whole(b, z)]))],
    [/Mul of a sum over examples/, losing((b, { z }) => b.node('Mul', [whole(b, z), whole(b, 'w')]))],
    [/Add of a sum over examples/, losing((b, { z }) => b.node('Add', [whole(b, z), whole(b, 'w')]))],
    [
      /Add of a sum over examples/,
      losing((b, { z }) =>
        b.node('Add', [whole(b, z), b.node('ReduceMean', [z], { attributes: { keepdims: int(0) } })]),
      ),
    ],
    [/Exp of a sum over examples/, losing((b, { z }) => b.node('Exp', [whole(b, z)]))],
    [
      /ReduceMax of a sum over examples/,
      losing((b, { z }) =>
        b.node('ReduceMax', [b.node('ReduceSum', [z, b.axes([0])])], { attributes: { keepdims: int(0) } }),
      ),
    ],
    // Features less their mean over the batch.
    [
      /Sub of a sum over examples/,
      losing((b, { z, x }) => whole(b, b.node('Mul', [z, b.node('Sub', [x, b.node('ReduceMean', [x, b.axes([0])])])]))),
    ],
    [/ReduceMax over the batch/, losing((b, { z }) => whole(b, b.node('ReduceMax', [z, b.axes([0])])))],
    [/ReduceL2 over the batch/, losing((b, { z }) => b.node('ReduceL2', [z], { attributes: { keepdims: int(0) } }))],
    [
      /Softmax along the batch/,
      losing((b, { z }) => whole(b, b.node('Softmax', [z], { attributes: { axis: int(0) } }))),
    ],
    [/CumSum along the batch/, losing((b, { z }) => whole(b, b.node('CumSum', [z, b.axes([0])])))],
    [
      /ArgMax along the batch/,
      losing((b, { z, x }) =>
        whole(b, b.node('Mul', [z, b.node('Cast', [b.node('ArgMax', [x])], { attributes: { to: int(1) } })])),
      ),
    ],
    [
      /LayerNormalization over the batch/,
      losing((b, { z }) =>
        whole(
          b,
          b.node('LayerNormalization', [z, b.table([3, 2], [1, 1, 1, 1, 1, 1])], { attributes: { axis: int(0) } }),
        ),
      ),
    ],
    [/MatMul of examples with each other/, losing((b, { z }) => whole(b, b.node('MatMul', [z, turned(b, z)])))],
    [
      /MatMul over the batch/,
      losing((b, { z }) => whole(b, b.node('MatMul', [turned(b, z), b.table([3, 1], [1, 1, 1])]))),
    ],
    [/MatMul over the batch/, losing((b, { z }) => whole(b, b.node('MatMul', [b.table([1, 3], [1, 1, 1]), z])))],
    [
      /Gemm over the batch/,
      losing((b, { z }) =>
        whole(b, b.node('Gemm', [z, b.table([3, 1], [1, 1, 1])], { attributes: { transA: int(1) } })),
      ),
    ],
    [
      /in different places/,
      losing((b, { z, x }) =>
        whole(b, b.node('Mul', [b.node('Unsqueeze', [z, b.axes([0])]), b.node('Unsqueeze', [x, b.axes([1])])])),
      ),
    ],
  ]
  for (const [what, problem] of cases) fails(problem, refused(what))
  const cox: Problem = {
    ...useProblem({ x: [1], target: [2] }, { w: [1] }, (_, [x = '']) => x),
    append: (b, [x = '', target = '']) => coxPartialLikelihood(b, { logits: b.node('Mul', [x, 'w']), target }),
  }
  fails(cox, refused(/come together/))
})

test('what the loss does not need may bring examples together; what lies along them is not taken for shared', () => {
  const beside = losing((b, { z }) => {
    b.node('ReduceMax', [z, b.axes([0])])
    return whole(b, z)
  })
  assert.ok(clippedGraph(beside, { batch: 3, clipNorm: 1 }).made.isAtOnce)
  const cut = losing((b, { z }) => whole(b, b.node('Slice', [z, b.axes([0]), b.axes([2]), b.axes([0])])))
  const padded = losing((b, { z }) => whole(b, b.node('Pad', [z, b.axes([1, 0, 0, 0])])))
  const placed = losing((b, { z }) => {
    const images = b.node('Reshape', [z, b.axes([-1, 1, 2])])
    const [largest = ''] = b.several('MaxPool', [images], { outputs: 2, attributes: { kernel_shape: ints([2]) } })
    return whole(b, largest)
  })
  for (const problem of [cut, padded, placed])
    assert.ok(!clippedGraph(problem, { batch: 3, clipNorm: 1 }).made.isAtOnce)
  const joined = (values: readonly number[]): Problem =>
    losing((b, { z }) => whole(b, b.node('Concat', [z, b.table([3, 1], values)], { attributes: { axis: int(1) } })))
  assert.ok(clippedGraph(joined([1, 1, 1]), { batch: 3, clipNorm: 1 }).made.isAtOnce)
  // A batch of one has no place for all three.
  fails(joined([1, 2, 3]), invalid(/Concat/))
  // A row for each example of a batch of three: whose it is depends on who else is there.
  const along = useProblem({ x: [2] }, { w: [3, 2] }, (b, [x = '']) => b.node('Add', [x, 'w']))
  assert.ok(!clippedGraph(along, { batch: 3, clipNorm: 1 }).made.isAtOnce)
  const table = (values: readonly number[]): Problem =>
    useProblem({ x: [1] }, { w: [1] }, (b, [x = '']) =>
      b.node('Add', [b.node('Mul', [x, 'w']), b.table([3, 1], values)]),
    )
  assert.ok(!clippedGraph(table([1, 2, 3]), { batch: 3, clipNorm: 1 }).made.isAtOnce)
  assert.ok(clippedGraph(table([2, 2, 2]), { batch: 3, clipNorm: 1 }).made.isAtOnce)
})

test('what cannot be clipped, or differentiated, is an error', () => {
  const problem = problemOf([{ dense: 1 }], 2)
  for (const clipNorm of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e-60, 1e60])
    fails(problem, invalid(/cannot be clipped to the norm/), { clipNorm })
  for (const held of [undefined, -1]) {
    const options = held === undefined ? {} : { held }
    fails(
      {
        ...problem,
        weights: [...problem.weights, { name: 'v', shape: [1] }],
        parameters: ['v', ...problem.parameters],
      },
      invalid(/does not depend on v/),
      options,
    )
    fails(
      losing((b, { z }) => whole(b, b.node('Hardmax', [z]))),
      refused(/Hardmax cannot be differentiated/),
      options,
    )
  }
  fails(
    losing((_, { z }) => z),
    invalid(/no sum over examples/),
  )
})

test('an example whose values are no numbers moves the sum no further than any other', () => {
  const lacking = { ...usesAtOnce, ...usesOneByOne }
  for (const [what, problem] of Object.entries(lacking))
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const [batch, clipNorm] = [3, 0.5]
        const [clipped, rest] = [batch, batch - 1].map((count) => clippedGraph(problem, { batch: count, clipNorm }))
        const feeds = drawFeeds(g, problem, batch)
        const place = between(g, 0, batch - 1)
        const input = problem.inputs[0]?.name ?? ''
        const changed = each(feeds, problem, (data, name) =>
          data.map((row, index) => (index === place && name === input ? row.map(() => Number.NaN) : row)),
        )
        const without = each(feeds, problem, (data) => data.toSpliced(place, 1))
        if (clipped === undefined || rest === undefined) return
        const [found, wanted] = [sumsOf(clipped, changed), sumsOf(rest, without)]
        const moved = normOf(wanted.map((value, index) => value - (found[index] ?? Number.NaN)))
        assert.ok(moved <= clipNorm * (1 + 1e-6), `${what}: by ${moved}`)
      }),
      drawn(1),
    )
})

/** The feeds of a problem, example by example. */
function each(
  feeds: Values,
  { inputs }: Problem,
  change: (rows: readonly (readonly number[])[], name: string) => readonly (readonly number[])[],
): Values {
  const changed = inputs.map(({ name, extents }) => {
    const value = feeds[name]
    if (value === undefined || value.type === 'string') return assert.fail(name)
    const size = extents.reduce((product, extent) => product * extent, 1)
    const rows = Array.from({ length: value.shape[0] ?? 0 }, (_, row) => value.data.slice(row * size, (row + 1) * size))
    const made = change(rows, name)
    return [name, float32([made.length, ...extents], made.flat())] as const
  })
  return { ...feeds, ...Object.fromEntries(changed) }
}
