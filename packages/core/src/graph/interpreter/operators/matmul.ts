/** Matrix products. */

import { floatAttribute, intAttribute } from '../../ir.ts'
import { at, build, commonShape, type NumberValue, numbers, range, rearranged, type Value } from '../values.ts'
import { input, type Operator, type Operators, total } from './operator.ts'

/** As NumPy's matmul(): a vector gets a second axis, which the result then loses. */
const matMul: Operator = (node, inputs) => {
  const [a, b] = [numbers(input(inputs, 0)), numbers(input(inputs, 1))]
  if (a.shape.length === 1 || b.shape.length === 1) {
    const [row, column] = [a.shape.length === 1, b.shape.length === 1]
    const operands = [row ? { ...a, shape: [1, ...a.shape] } : a, column ? { ...b, shape: [...b.shape, 1] } : b]
    const product = numbers(input([matMul(node, operands)].flat(), 0))
    const shape = product.shape.toSpliced(-1, column ? 1 : 0)
    return { ...product, shape: row ? shape.toSpliced(column ? -1 : -2, 1) : shape }
  }
  const inner = a.shape.at(-1) ?? 0
  const batch = commonShape([a.shape.slice(0, -2), b.shape.slice(0, -2)])
  return build(a.type, [...batch, a.shape.at(-2) ?? 0, b.shape.at(-1) ?? 0], (place) => {
    const [lead, row, column] = [place.slice(0, -2), place.at(-2) ?? 0, place.at(-1) ?? 0]
    return total(range(inner).map((k) => at(a, [...lead, row, k]) * at(b, [...lead, k, column])))
  })
}

const gemm: Operator = (node, inputs) => {
  const turned = (name: string, value: Value): NumberValue =>
    numbers(
      intAttribute(node, name, 0) === 1
        ? rearranged(value, value.shape.toReversed(), (place) => place.toReversed())
        : value,
    )
  const [a, b] = [turned('transA', input(inputs, 0)), turned('transB', input(inputs, 1))]
  const [alpha, beta] = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)]
  return build(a.type, [a.shape[0] ?? 0, b.shape[1] ?? 0], (place) => {
    const [row = 0, column = 0] = place
    const product = total(range(a.shape[1] ?? 0).map((k) => at(a, [row, k]) * at(b, [k, column])))
    return alpha * product + (inputs[2] === undefined ? 0 : beta * at(inputs[2], place))
  })
}

export const matMulOperators: Operators = {
  MatMul: matMul,
  Gemm: gemm,
}
