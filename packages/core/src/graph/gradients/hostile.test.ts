/** Whatever a node says that has a shape, its rule makes a gradient, or refuses with a code. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { WardroundError } from '../../errors.ts'
import { graphBuilder } from '../builder.ts'
import { ints } from '../ir.ts'
import { gradientCases } from '../testing/cases/registry.ts'
import { drawn } from '../testing/draws.ts'
import { hostile } from '../testing/hostile.ts'
import { gradientRules } from './registry.ts'

for (const [op, rule] of Object.entries(gradientRules))
  test(`${op}: a use that is changed has a gradient or is refused`, () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const { node, lookup, values } = hostile(g, op, gradientCases)
        const b = graphBuilder()
        for (const [name, { type, shape }] of values) {
          const tensor = lookup.constant(name)
          if (tensor === undefined) b.input({ name, type, shape })
          else b.initializer(tensor)
        }
        try {
          b.several(op, node.inputs, { attributes: node.attributes, outputs: node.outputs })
          const flowing = node.outputs.map((y) =>
            b.info(y).type === 'float32' ? b.input({ name: `d${y}`, type: 'float32', shape: b.shape(y) }) : undefined,
          )
          rule(b.nodes().at(-1) ?? node, flowing, b)
        } catch (error) {
          const isCoded =
            error instanceof WardroundError && ['WR_GRAPH_INVALID', 'WR_GRAPH_REFUSED'].includes(error.code)
          assert.ok(isCoded, inspect([node, values, error], { depth: 9 }))
        }
      }),
      drawn(40),
    )
  })

test('a pooling of channels that are known only when it runs is refused', () => {
  for (const op of ['MaxPool', 'AveragePool']) {
    const b = graphBuilder()
    const x = b.input({ name: 'x', type: 'float32', shape: [1, 'channels', 4] })
    const y = b.node(op, [x], { attributes: { kernel_shape: ints([2]), strides: ints([2]) } })
    const node = b.nodes().at(-1) ?? assert.fail(op)
    assert.throws(
      () => gradientRules[op]?.(node, [y], b),
      (error) => error instanceof WardroundError && error.code === 'WR_GRAPH_REFUSED',
      op,
    )
  }
})
