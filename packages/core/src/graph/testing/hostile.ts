/** Uses of operators as nobody means them: extents, constants and attributes are changed. */

import { toTensor, type Value } from '../interpreter/values.ts'
import type { Attribute, Dim, Node, Tensor } from '../ir.ts'
import type { Lookup, TypedShape } from '../shapes/rule.ts'
import type { Cases } from './cases/maker.ts'
import { drawCase, operatorCases } from './cases/registry.ts'
import { type Draw, either, oneOf } from './draws.ts'

const numbers = [-1, 0, 1, 2, 3, -2, 2 ** 14, 2 ** 24, 2 ** 31, 2 ** 40, 2 ** 53 - 1, -(2 ** 53 - 1)] as const
const number = (g: Draw): number => oneOf(g, numbers)
const extent = (g: Draw): Dim => oneOf(g, [...numbers.filter((value) => value >= 0), 'batch', 'rows'])

/** Now and then something else. */
const seldom = <T>(g: Draw, value: T, other: () => T): T => (either(g) && either(g) ? other() : value)

function anyAttribute(g: Draw): Attribute {
  const values = [number(g), number(g), number(g)]
  const kind = oneOf(g, ['int', 'float', 'string', 'ints', 'floats', 'strings'] as const)
  switch (kind) {
    case 'int':
    case 'float':
      return { kind, value: number(g) }
    case 'string':
      return { kind, value: oneOf(g, ['', 'SAME_UPPER', 'NOTSET', 'linear', 'reflect', 'bidirectional', '__proto__']) }
    case 'strings':
      return { kind, value: ['Tanh'] }
    default:
      return { kind, value: values.slice(0, oneOf(g, [0, 1, 2, 3])) }
  }
}

function changed(g: Draw, attribute: Attribute): Attribute {
  if (attribute.kind === 'ints')
    return { kind: 'ints', value: attribute.value.map((value) => seldom(g, value, () => number(g))) }
  return attribute.kind === 'int' ? { kind: 'int', value: number(g) } : anyAttribute(g)
}

const names = [
  'axis',
  'axes',
  'group',
  'pads',
  'strides',
  'kernel_shape',
  'output_padding',
  'ceil_mode',
  'perm',
  'to',
  'mode',
]

function changedValue(g: Draw, value: Value): Value {
  if (value.type === 'string' || value.type === 'bool' || value.type === 'uint8') return value
  const most = value.type === 'int32' ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER
  const other = value.type === 'float32' ? [Number.NaN, Infinity, -Infinity, 1e-30, 3e38] : numbers
  const data = value.data.map((old) => seldom(g, old, () => Math.min(most, oneOf(g, other))))
  return seldom<Value>(g, { ...value, data }, () => ({ ...value, shape: [0], data: [] }))
}

/** A use that is like one of the operator's own. */
export function hostile(g: Draw, op: string, table: Cases['operators'] = operatorCases) {
  const { operands, attributes, outputs = 1 } = drawCase(g, op, table)
  const values = new Map<string, TypedShape>()
  const constants = new Map<string, Tensor>()
  const inputs = operands.map((operand, index) => {
    const name = `x${index}`
    if (operand === undefined) return ''
    if (operand.constant === true) {
      const tensor = toTensor(name, changedValue(g, operand.value))
      constants.set(name, tensor)
      values.set(name, tensor)
    } else {
      const { type, shape } = operand.value
      values.set(name, { type, shape: shape.map((old) => seldom<Dim>(g, old, () => extent(g))) })
    }
    return name
  })
  const entries = Object.entries(attributes).map(
    ([name, value]) => [name, seldom(g, value, () => changed(g, value))] as const,
  )
  const more = either(g) ? [[oneOf(g, names), anyAttribute(g)] as const] : []
  const node: Node = {
    op,
    domain: '',
    inputs: seldom(g, inputs, () => inputs.slice(0, -1)),
    outputs: Array.from({ length: outputs }, (_, index) => `y${index}`),
    attributes: Object.fromEntries([...entries, ...more]),
  }
  const lookup: Lookup = {
    info: (name) => values.get(name) ?? absent(name),
    constant: (name) => constants.get(name),
  }
  return { node, lookup, values }
}

function absent(name: string): never {
  throw new TypeError(`there is no value ${name}`)
}
