/** Every gradient rule against differences in Float64, over random shapes, broadcasts, axes and attributes; and against PyTorch. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ErrorCode, WardroundError } from '../../errors.ts'
import { graphBuilder } from '../builder.ts'
// Autograd in double precision; fixtures/make_gradients.py says how.
import fixture from '../fixtures/gradients.json' with { type: 'json' }
import { run } from '../interpreter/interpret.ts'
import { float32, type NumberValue, numbers } from '../interpreter/values.ts'
import { type Attribute, float, int, ints, type Shape, text } from '../ir.ts'
import { drawCase, gradientCases } from '../testing/cases/registry.ts'
import { type Case, drawn } from '../testing/draws.ts'
import { backwardOf, differences, drawGradients } from '../testing/gradient.ts'
import { differentiable } from '../testing/uses.ts'
import { gradientRules } from './registry.ts'

/** Constants of a graph are Float32: 1/3 is off by 10⁻⁸. */
const near = (found: number | undefined, wanted: number | undefined): boolean =>
  found !== undefined && wanted !== undefined && Math.abs(found - wanted) <= 1e-6 * Math.max(1, Math.abs(wanted))
const allNear = (found: readonly number[], wanted: readonly number[], what: string): void =>
  assert.ok(
    found.length === wanted.length && wanted.every((value, index) => near(found[index], value)),
    `${what}: the rule says [${found.join(', ')}], expected [${wanted.join(', ')}]`,
  )
const coded = (code: ErrorCode) => (error: unknown) => error instanceof WardroundError && error.code === code

test('every rule has a case and a fixture, and every case a rule', () => {
  const rules = Object.keys(gradientRules).toSorted()
  assert.deepEqual(Object.keys(gradientCases).toSorted(), rules)
  assert.deepEqual([...new Set(fixture.cases.map(({ op }) => op))].toSorted(), rules)
})

for (const op of Object.keys(gradientRules)) {
  test(`${op}: the rule is the derivative, in the shape of each operand`, () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const use = drawCase(g, op, gradientCases)
        const made = backwardOf(use)
        const flowing = drawGradients(g, made)
        const gradients = run(made.backward, { ...made.feeds, ...flowing })
        assert.deepEqual(
          use.operands.map((_, index) => made.parts[index] !== undefined),
          differentiable(use),
        )
        for (const [index, part] of made.parts.entries()) {
          if (part === undefined) continue
          const found = numbers(gradients[part] ?? assert.fail(part))
          assert.deepEqual(found.shape, use.operands[index]?.value.shape)
          allNear(found.data, differences(made, `x${index}`, flowing), `operand ${index} of ${JSON.stringify(use)}`)
        }
      }),
      drawn(120),
    )
  })
}

test('gradients are those of PyTorch', () => {
  for (const { op, operands, attributes, dys, gradients } of fixture.cases) {
    const made = backwardOf({
      op,
      operands: operands.map((operand) =>
        operand === null ? undefined : { value: typed(operand), constant: operand.constant },
      ),
      outputs: dys.length,
      flowing: dys.filter((dy) => dy !== null).length,
      attributes: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, attribute(value)])),
    })
    const flowing = dys.flatMap((dy, index) => (dy === null ? [] : [[`dy${index}`, typed(dy)] as const]))
    const found = run(made.backward, { ...made.feeds, ...Object.fromEntries(flowing) })
    for (const [index, wanted] of gradients.entries()) {
      const part = made.parts[index]
      // Where PyTorch has zeros because a step is level, nothing flows here.
      assert.equal(part === undefined, wanted === null || levels.has(op), op)
      if (part !== undefined && wanted !== null)
        allNear(numbers(found[part] ?? assert.fail(op)).data, wanted, `operand ${index} of ${op}`)
      else assert.ok(!wanted?.some((value) => value !== 0), op)
    }
  }
})

const levels = new Set(['Floor', 'Ceil', 'Round', 'Sign'])

function typed({ type, shape, data }: { type: string; shape: number[]; data: number[] }): NumberValue {
  assert.ok(type === 'float32' || type === 'int64' || type === 'bool')
  return { type, shape, data }
}
function attribute(value: string | number | number[]): Attribute {
  if (typeof value === 'string') return text(value)
  if (typeof value !== 'number') return ints(value)
  return Number.isInteger(value) ? int(value) : float(value)
}

test('what a rule does not cover is refused, never wrong', () => {
  const matrix = { value: float32([2, 2], [1, 2, 3, 4]) }
  const line = { value: float32([1, 1, 300], new Array(300).fill(0)) }
  const bound = { value: float32([], [1]) }
  const constant = (...data: number[]) => ({
    value: { type: 'int64' as const, shape: [data.length], data },
    constant: true,
  })
  const uses: readonly Case[] = [
    { op: 'Pad', operands: [matrix, constant(0, 1, 0, 1)], attributes: { mode: text('edge') } },
    { op: 'Pad', operands: [matrix, constant(0, 1, 0, 1)], attributes: { mode: text('reflect') } },
    { op: 'Pad', operands: [matrix, constant(0, 1, 0, 1), bound], attributes: {} },
    { op: 'Clip', operands: [matrix, bound], attributes: {} },
    { op: 'Clip', operands: [matrix, { ...bound, constant: true }, bound], attributes: {} },
    { op: 'LayerNormalization', operands: [matrix, bound], attributes: {} },
    { op: 'LayerNormalization', operands: [matrix, { value: float32([2], [1, 2]) }], outputs: 2, attributes: {} },
    // Its matrix would have more than 2²² values.
    {
      op: 'Resize',
      operands: [line, undefined, undefined, constant(1, 1, 2 ** 14)],
      attributes: { mode: text('linear') },
    },
  ]
  for (const use of uses) assert.throws(() => backwardOf(use), coded('WR_GRAPH_REFUSED'), JSON.stringify(use))
})

test('a bound that is left out does not hold', () => {
  const b = graphBuilder()
  const [x, dy] = ['x', 'dy'].map((name) => b.input({ name, type: 'float32', shape: [3] }))
  const y = b.node('Clip', [x ?? '', '', b.scalar(1)])
  const node = b.nodes().at(-1)
  assert.ok(node !== undefined)
  const [dx = ''] = gradientRules.Clip?.(node, [dy], b) ?? []
  const found = run(b.build('both', [y, dx]), { x: float32([3], [-9, 0, 2]), dy: float32([3], [5, 6, 7]) })
  assert.deepEqual(
    [y, dx].map((name) => numbers(found[name] ?? assert.fail()).data),
    [
      [-9, 0, 1],
      [5, 6, 0],
    ],
  )
})

test('weights that a batch of unknown size was multiplied with have a gradient', () => {
  const b = graphBuilder()
  const x = b.input({ name: 'x', type: 'float32', shape: ['rows', 2, 3] })
  const w = b.input({ name: 'w', type: 'float32', shape: [3, 4] })
  const y = b.node('MatMul', [x, w])
  const node = b.nodes().at(-1)
  assert.ok(node !== undefined)
  const parts = gradientRules.MatMul?.(node, [y], b) ?? []
  assert.deepEqual(
    parts.map((part) => b.shape(part ?? '')),
    [
      ['rows', 2, 3],
      [3, 4],
    ],
  )
})

test('a gradient that must be spread over an extent known only at run time is refused', () => {
  const rules: readonly (readonly [string, Shape, (readonly number[])?])[] = [
    ['ReduceSum', ['rows', 2]],
    ['ReduceMean', ['rows', 2]],
    ['Reshape', ['rows', 2], [-1, 2]],
    ['Squeeze', ['rows', 1], [1]],
    ['Unsqueeze', ['rows'], [1]],
  ]
  for (const [op, shape, constant] of rules) {
    const b = graphBuilder()
    const x = b.input({ name: 'x', type: 'float32', shape })
    const y = b.node(op, constant === undefined ? [x] : [x, b.axes(constant)])
    const node = b.nodes().at(-1)
    assert.ok(node !== undefined)
    assert.throws(() => gradientRules[op]?.(node, [y], b), coded('WR_GRAPH_REFUSED'), op)
  }
  const b = graphBuilder()
  const table = b.input({ name: 'table', type: 'float32', shape: ['rows', 2] })
  const picked = b.node('Gather', [table, b.axes([0, 1])])
  const node = b.nodes().at(-1)
  assert.ok(node !== undefined)
  assert.throws(() => gradientRules.Gather?.(node, [picked], b), coded('WR_GRAPH_REFUSED'))
})
