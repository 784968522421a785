import assert from 'node:assert/strict'
import { test } from 'node:test'
// From the schemas of the Python package `onnx`; fixtures/make_arities.py says how.
import arities from '../fixtures/arities.json' with { type: 'json' }
import { assertInvalid, shapeOf } from '../testing/shape-of.ts'
import { arityOf, requireArity } from './arity.ts'
import { shapedOperators } from './registry.ts'
import type { TypedShape } from './rule.ts'

const schemas: Readonly<Record<string, readonly (number | null)[]>> = arities
const value: TypedShape = { type: 'float32', shape: [1] }
const values = (count: number): TypedShape[] => new Array<TypedShape>(count).fill(value)

test('every operator takes as many inputs as its schema says', () => {
  for (const op of shapedOperators) {
    const [least, most] = schemas[op] ?? assert.fail(op)
    assert.deepEqual(arityOf(op), [least, most ?? Number.POSITIVE_INFINITY], op)
  }
})

test('one input fewer or more is invalid, and so is one left out that must be there', () => {
  const invalid = { code: 'WR_GRAPH_INVALID' }
  for (const op of shapedOperators) {
    const [least, most] = arityOf(op)
    const largest = Number.isFinite(most) ? most : 9
    for (const count of [least, largest]) requireArity({ op }, values(count))
    for (const count of [least - 1, ...(Number.isFinite(most) ? [most + 1] : [])])
      assert.throws(() => requireArity({ op }, values(count)), invalid, `${op} of ${count}`)
    for (let index = 0; index < largest; index++) {
      const holed = [...values(index), undefined, ...values(largest - index - 1)]
      if (index < least || !Number.isFinite(most)) assert.throws(() => requireArity({ op }, holed), invalid, op)
      else requireArity({ op }, holed)
    }
  }
})

test('a rule is asked only for as many', () => {
  assert.deepEqual(shapeOf('Add', [[2], [1]]), [2])
  assertInvalid('Add', [[2]])
  assertInvalid('Add', [[2], [2], [2]])
  assertInvalid('Relu', [[2], undefined])
  assertInvalid('Sum', [[2], undefined])
  assert.deepEqual(shapeOf('Sum', [[2]]), [2])
})
