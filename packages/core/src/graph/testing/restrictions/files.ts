/** What is refused of constants, shapes and control flow. */
import { graphBuilder } from '../../builder.ts'
import { importModel } from '../../import/network.ts'
import { toTensor } from '../../interpreter/values.ts'
import { type Attribute, type Dim, type Graph, int, type Node, subgraph, text } from '../../ir.ts'
import { int64 } from '../draws.ts'
import { computed, type File, files, type Given, INVALID, number, REFUSED, type Rows, scalar, uses } from './row.ts'

const flag = toTensor('flag', { type: 'bool', shape: [], data: [1] })
const branch = (op: string): Attribute =>
  subgraph({
    name: op,
    inputs: [],
    outputs: [{ name: op, type: 'float32', shape: [] }],
    initializers: [],
    nodes: [{ op, domain: '', inputs: ['x'], outputs: [op], attributes: {} }],
  })
const decided: Partial<Node> = {
  op: 'If',
  inputs: ['flag'],
  attributes: { then_branch: branch('Neg'), else_branch: branch('Abs') },
}
const added = { op: 'Add', inputs: ['x', 'one'] }
const valued = (attributes: Node['attributes']): File => ({
  nodes: [{ op: 'Constant', inputs: [], outputs: ['one'], attributes }, added],
})
const counted: Rows = {
  open: (op) => ({
    code: REFUSED,
    fine: () => appended(op, 2),
    refused: [() => appended(op, 'batch')],
  }),
}
/** A model that uses an extent of its input, as one of so many examples. */
function appended(op: string, batch: Dim): void {
  const graph: Graph = {
    name: 'model',
    inputs: [{ name: 'x', type: 'float32', shape: ['batch', 3] }],
    outputs: [{ name: 'y', type: 'float32', shape: [] }],
    initializers: [],
    nodes: [
      { op, domain: '', inputs: ['x'], outputs: ['count'], attributes: {} },
      { op: 'Cast', domain: '', inputs: ['count'], outputs: ['float'], attributes: { to: int(1) } },
      { op: 'ReduceMax', domain: '', inputs: ['float'], outputs: ['most'], attributes: { keepdims: int(0) } },
      { op: 'Mul', domain: '', inputs: ['x', 'most'], outputs: ['y'], attributes: {} },
    ],
  }
  const { network } = importModel({ graph, opset: 20, metadata: {} })
  const b = graphBuilder()
  network.append(b, b.input({ name: 'features', type: 'float32', shape: [batch, 3] }), {})
}

const bounds: readonly Given[] = [scalar, scalar, scalar]

export const fillingRestrictions: Readonly<Record<string, Rows>> = {
  Constant: {
    text: files(
      REFUSED,
      () => valued({ value_float: { kind: 'float', value: 1 } }),
      () => valued({ value_string: text('one') }),
    ),
  },
  ConstantOfShape: {
    shape: uses(INVALID, { inputs: [int64([2, 3])] }, { inputs: [computed] }),
    most: uses(REFUSED, { inputs: [int64([2 ** 14, 2 ** 14])] }, { inputs: [int64([2 ** 14, 2 ** 14 + 1])] }),
  },
  If: {
    condition: files(
      REFUSED,
      () => ({ nodes: [decided], initializers: [flag] }),
      () => ({
        nodes: [
          { op: 'ReduceSum', outputs: ['sum'], attributes: { keepdims: int(0) } },
          { op: 'Cast', inputs: ['sum'], outputs: ['flag'], attributes: { to: int(9) } },
          decided,
        ],
      }),
    ),
  },
  Range: {
    bounds: uses(
      INVALID,
      { inputs: bounds },
      ...[0, 1, 2].map((index) => ({ inputs: bounds.with(index, { computed: [] }) })),
    ),
    most: uses(
      REFUSED,
      { inputs: [number(0), number(2 ** 28), number(1)] },
      { inputs: [number(0), number(2 ** 28 + 32), number(1)] },
    ),
  },
  Scan: {
    file: files(
      REFUSED,
      () => ({ nodes: [{ op: 'Neg' }] }),
      () => ({ nodes: [{ op: 'Scan', attributes: { body: branch('Neg') } }] }),
      () => ({ nodes: [{ op: 'Loop', attributes: { body: branch('Neg') } }] }),
    ),
  },
  Shape: counted,
  Size: counted,
}
