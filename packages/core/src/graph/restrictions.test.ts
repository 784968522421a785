/** What docs/operators.md says of an operator that is refused is refused, with its code, and the same use without it is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WardroundError } from '../errors.ts'
import { operatorFamilies } from '../words/en/operators.ts'
import { gradientRules } from './gradients/registry.ts'
import { int } from './ir.ts'
import { allowedOperators } from './safelist.ts'
import { drawCase, gradientCases } from './testing/cases/registry.ts'
import { restrictions } from './testing/restrictions/registry.ts'
import { make, matrix, REFUSED } from './testing/restrictions/row.ts'
import { graphOf } from './testing/uses.ts'

const worded = operatorFamilies.flatMap(({ operators }) =>
  Object.entries(operators).map(([op, words]) => ({ op, ...words() })),
)

test('every restriction that the page states is tested, and none that it does not', () => {
  const stated = worded.flatMap(({ op, refused = {} }) => Object.keys(refused).map((name) => `${op}: ${name}`))
  const tested = Object.entries(restrictions).flatMap(([op, rows]) => Object.keys(rows).map((name) => `${op}: ${name}`))
  assert.deepEqual(tested.toSorted(), stated.toSorted())
})

test('what is called level has a rule through which nothing flows, and nothing else has', () => {
  const isLevel = (op: string): boolean => {
    const rule = Object.hasOwn(gradientRules, op) ? gradientRules[op] : undefined
    const [g] = fc.sample(fc.gen(), { numRuns: 1, seed: 1 })
    if (rule === undefined || g === undefined) return false
    const { b, ys } = graphOf(drawCase(g, op, gradientCases))
    const node = b.nodes().at(-1) ?? assert.fail(op)
    return rule(node, ys.slice(0, 1), b).every((part) => part === undefined)
  }
  const level = worded.filter((words) => words.level === true).map(({ op }) => op)
  assert.deepEqual(level.toSorted(), Object.keys(gradientRules).filter(isLevel).toSorted())
})

test('a weight behind what is only computed is refused', () => {
  const computed = [...allowedOperators].filter((op) => op !== 'Scan' && !Object.hasOwn(gradientRules, op))
  assert.ok(computed.includes('Cast') && computed.includes('ArgMax'))
  for (const op of ['Cast', 'Hardmax']) {
    const attributes = op === 'Cast' ? { to: int(1) } : {}
    assert.throws(
      () => make(op, { inputs: [matrix], attributes, trained: 0 }),
      (error) => error instanceof WardroundError && error.code === REFUSED,
    )
  }
})

for (const [op, rows] of Object.entries(restrictions))
  for (const [name, row] of Object.entries(rows))
    test(`${op}: ${name} is refused, and nothing else of that use`, () => {
      const { code, fine, refused } = row(op)
      fine()
      assert.ok(refused.length > 0)
      for (const [index, attempt] of refused.entries())
        assert.throws(
          attempt,
          (error) => error instanceof WardroundError && error.code === code,
          `${code} is expected of use ${index}`,
        )
    })
