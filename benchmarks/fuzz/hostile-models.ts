/** Model files that somebody made to harm: small ones that would become large, and large ones of a million nothings. Each by what it tries. */
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import { type Dim, type Graph, int, ints, type Node, subgraph, type Tensor } from '@wardround/core/graph/ir.ts'
import type { Bytes } from './boundary.ts'

/** Of the files that are large for their own sake. */
const megabytes = 4

// ---- raw protobuf: field numbers are those of onnx/onnx.proto ----

const message = (write: (to: BinaryWriter) => unknown): Bytes => {
  const writer = new BinaryWriter()
  write(writer)
  return Uint8Array.from(writer.finish())
}
const field = (number: number, body: Uint8Array): Bytes => message((to) => to.tag(number, 2).bytes(body))
const varint = (number: number, value: number): Bytes => message((to) => to.tag(number, 0).int64(value))
const joined = (...pieces: readonly Uint8Array[]): Bytes => Uint8Array.from(Buffer.concat(pieces))
/** As often as there is room. */
const many = (piece: Uint8Array, size = megabytes * 1e6): Bytes =>
  Uint8Array.from(Buffer.alloc(size - (size % piece.length), piece))

const nothing = new Uint8Array()
const inGraph = (body: Uint8Array): Bytes => field(7, body)
const inNode = (body: Uint8Array): Bytes => inGraph(field(1, body))
/** An attribute of a kind, by its number, or a tensor of a type. */
const inAttribute = (kind: number, body: Uint8Array): Bytes => inNode(field(5, joined(varint(20, kind), body)))
const inTensor = (type: number, body: Uint8Array): Bytes => inGraph(field(5, joined(varint(2, type), body)))
const aValue = field(11, field(2, field(1, joined(varint(1, 1), field(2, nothing)))))

const pieces = {
  'a million nodes': () => inGraph(many(field(1, nothing))),
  'a node with a million inputs': () => inNode(many(field(1, Buffer.from('x')))),
  'a node with a million attributes': () => inNode(many(field(5, varint(20, 2)))),
  'an attribute of millions of integers': () => inAttribute(7, field(8, many(Uint8Array.of(1)))),
  'an attribute of a million integers, one by one': () => inAttribute(7, many(varint(8, 1))),
  'an attribute of a million texts': () => inAttribute(8, many(field(9, Buffer.from('x')))),
  'a tensor of millions of integers': () => inTensor(7, field(7, many(Uint8Array.of(1)))),
  'a tensor of a million texts': () => inTensor(8, many(field(6, Buffer.from('x')))),
  'a tensor of millions of axes': () => inTensor(1, field(1, many(Uint8Array.of(1)))),
  'a million tensors of nothing': () => inGraph(many(field(5, joined(varint(1, 0), varint(2, 1))))),
  'a million inputs of the model': () => inGraph(many(aValue)),
  'an input of a million axes': () =>
    inGraph(field(11, field(2, field(1, joined(varint(1, 1), field(2, many(field(1, nothing)))))))),
  'a million notes': () => many(field(14, nothing)),
  'a million operator sets': () => many(field(8, nothing)),
  'a million fields that nobody knows': () => many(varint(99, 1)),
  'a million groups in one another': () => many(Uint8Array.of(0x9b, 0x06)),
  'a name of millions of letters': () => inNode(joined(field(4, many(Buffer.from('x'))), field(1, Buffer.from('x')))),
  'raw bytes, again and again': () => inTensor(2, many(field(9, new Uint8Array(1e5)))),
}

// ---- graphs ----

type Parts = {
  readonly nodes: readonly Node[]
  readonly tensors?: readonly Tensor[]
  readonly shape?: readonly Dim[]
  readonly output?: string
}

const modelOf = ({ nodes, tensors = [], shape = ['batch', 2], output = 'y' }: Parts): Bytes =>
  Uint8Array.from(
    encodeModel({
      name: 'hostile',
      inputs: [{ name: 'x', type: 'float32', shape }],
      outputs: [{ name: output, type: 'float32', shape: ['batch', 'made'] }],
      initializers: tensors,
      nodes,
    }),
  )
const node = (op: string, [inputs, outputs]: readonly [string, string], attributes: Node['attributes'] = {}): Node => ({
  op,
  domain: '',
  inputs: inputs.split(' '),
  outputs: [outputs],
  attributes,
})
const whole = (name: string, ...data: readonly number[]): Tensor => ({
  name,
  type: 'int64',
  shape: [data.length],
  data: BigInt64Array.from(data, BigInt),
})
const floats = (name: string, shape: readonly number[], value = 1): Tensor => ({
  name,
  type: 'float32',
  shape,
  data: new Float32Array(shape.reduce((size, extent) => size * extent, 1)).fill(value),
})
const counted = <T>(count: number, make: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, index) => make(index))

const inner = (nodes: readonly Node[], output: string): Graph => ({
  name: 'inner',
  inputs: [],
  outputs: [{ name: output, type: 'float32', shape: [] }],
  initializers: [],
  nodes,
})
const branching = (nodes: readonly Node[], output: string): Node['attributes'] => ({
  then_branch: subgraph(inner(nodes, output)),
  else_branch: subgraph(inner(nodes, output)),
})
const scales: Tensor = { name: 'scales', type: 'float32', shape: [4], data: Float32Array.of(1, 1, 3e4, 3e4) }
/** Ifs in one another, each with two branches. */
const nestedIf = (depth: number): Node =>
  depth === 0
    ? node('Neg', ['x', 'y0'])
    : { ...node('If', ['yes', `y${depth}`]), attributes: branching([nestedIf(depth - 1)], `y${depth - 1}`) }
const yes: Tensor = { name: 'yes', type: 'bool', shape: [1], data: Uint8Array.of(1) }

/** What is made of constants, summed up, is added to the input. */
const constantly = (nodes: readonly Node[], ...tensors: readonly Tensor[]): Bytes =>
  modelOf({ nodes: [...nodes, node('ReduceSum', ['made', 'sum']), node('Add', ['x sum', 'y'])], tensors })

const most = 19_990
const chain = (op: string, count: number, others = ''): readonly Node[] =>
  counted(count, (index) =>
    node(op, [`${index === 0 ? 'x' : `v${index}`}${others}`, index === count - 1 ? 'y' : `v${index + 1}`]),
  )

const graphs = {
  'an operator that nobody knows': () => modelOf({ nodes: [node('Execute', ['x', 'y'])] }),
  'an operator of another domain': () => modelOf({ nodes: [{ ...node('Relu', ['x', 'y']), domain: 'com.example' }] }),
  'values in another file': () =>
    inTensor(
      1,
      joined(
        varint(1, 2),
        varint(14, 1),
        field(13, joined(field(1, Buffer.from('location')), field(2, Buffer.from('/etc/passwd')))),
      ),
    ),
  'a circle': () => modelOf({ nodes: [node('Add', ['x z', 'y']), node('Neg', ['y', 'z'])] }),
  'Ifs in one another': () => modelOf({ nodes: [nestedIf(7)], tensors: [yes], output: 'y7' }),
  'more Ifs in one another than are read': () => modelOf({ nodes: [nestedIf(12)], tensors: [yes], output: 'y12' }),
  'a Loop without end': () =>
    modelOf({ nodes: [node('Loop', [' yes x', 'y'], { body: subgraph(inner([], 'x')) })], tensors: [yes] }),
  'a constant of 10^9 elements': () => constantly([node('ConstantOfShape', ['of', 'made'])], whole('of', 1e9)),
  'a constant whose elements no number counts': () =>
    constantly([node('ConstantOfShape', ['of', 'made'])], whole('of', 2 ** 40, 2 ** 40)),
  'a tensor that says it has 10^9 elements': () => inTensor(1, joined(varint(1, 1e9), field(9, new Uint8Array(64)))),
  'a copy 10^9 times': () => constantly([node('Tile', ['one of', 'made'])], floats('one', [1]), whole('of', 1e9)),
  'something spread to 10^9': () =>
    constantly([node('Expand', ['one of', 'made'])], floats('one', [1]), whole('of', 1e9)),
  'a range to 10^9': () =>
    constantly(
      [node('Range', ['from to by', 'made'])],
      ...[0, 1e9, 1].map((value, index) => ({
        ...whole(['from', 'to', 'by'][index] ?? '', value),
        shape: [],
      })),
    ),
  'an image scaled to 10^9': () =>
    modelOf({
      nodes: [
        {
          ...node('Constant', ['', 'scales'], {
            value: { kind: 'tensor', value: scales },
          }),
          inputs: [],
        },
        { ...node('Resize', ['x', 'y']), inputs: ['x', '', 'scales'] },
      ],
      shape: ['batch', 1, 1, 1],
    }),
  'a column times a row': () =>
    constantly([node('MatMul', ['column row', 'made'])], floats('column', [5e4, 1]), floats('row', [1, 5e4])),
  'pads of 2^30': () =>
    modelOf({
      nodes: [node('Conv', ['x w', 'y'], { pads: ints([2 ** 30, 2 ** 30]) })],
      tensors: [floats('w', [1, 1, 1])],
      shape: ['batch', 1, 4],
    }),
  'parts of which there are 2^30': () =>
    modelOf({ nodes: [node('Split', ['x', 'y'], { num_outputs: int(2 ** 30), axis: int(1) })] }),
  'extents that overflow': () =>
    modelOf({ nodes: [node('Flatten', ['x', 'y'])], shape: ['batch', 2 ** 31, 2 ** 31, 2 ** 31] }),
  'thousands of operators in a row': () => modelOf({ nodes: chain('Relu', most) }),
  'a value that is used thousands of times': () => modelOf({ nodes: chain('Add', most, ' x') }),
  'more operators than are allowed': () => modelOf({ nodes: chain('Relu', 25_000) }),
  'a sum of a hundred thousand': () =>
    modelOf({ nodes: [{ ...node('Sum', ['x', 'y']), inputs: counted(1e5, () => 'x') }] }),
  'wide sums in a row': () =>
    modelOf({
      nodes: chain('Sum', 50).map((one) => ({ ...one, inputs: counted(5000, () => one.inputs[0] ?? '') })),
    }),
  'a bundle of a hundred thousand': () =>
    modelOf({ nodes: [{ ...node('Concat', ['x', 'y'], { axis: int(1) }), inputs: counted(1e5, () => 'x') }] }),
  'doubled again and again': () =>
    modelOf({
      nodes: chain('Concat', 500).map((one) => ({
        ...one,
        inputs: [...one.inputs, ...one.inputs],
        attributes: { axis: int(1) },
      })),
    }),
  'thousands of graphs beside thousands of names': () =>
    modelOf({
      nodes: counted(most, (index) =>
        node('Scan', ['x', `y${index}`], { body: subgraph(inner([], 'x')), num_scan_inputs: int(1) }),
      ),
      tensors: counted(1e4, (index) => floats(`t${index}`, [1])),
      output: 'y0',
    }),
  'thousands of weights': () =>
    modelOf({
      nodes: counted(most, (index) =>
        node('Mul', [`${index === 0 ? 'x' : `v${index}`} w${index}`, index === most - 1 ? 'y' : `v${index + 1}`]),
      ),
      tensors: counted(most, (index) => floats(`w${index}`, [2])),
    }),
  'constants that are worked out for long': () =>
    constantly(
      counted(2000, (index) => node('Add', [`c${index} big`, index === 1999 ? 'made' : `c${index + 1}`])),
      whole('c0', ...counted(1 << 13, () => 1)),
      whole('big', ...counted(1 << 13, () => 1)),
    ),
  'recurrent layers over thousands of steps': () =>
    modelOf({
      nodes: [
        node('Transpose', ['x', 's0'], { perm: ints([1, 0, 2]) }),
        ...counted(50, (index) => [
          node('LSTM', [`s${index} w r`, `d${index}`], { hidden_size: int(2) }),
          node('Squeeze', [`d${index} axis`, `s${index + 1}`]),
        ]).flat(),
        node('Transpose', ['s50', 'y'], { perm: ints([1, 0, 2]) }),
      ],
      tensors: [floats('w', [1, 8, 2]), floats('r', [1, 8, 2]), whole('axis', 1)],
      shape: ['batch', 4096, 2],
    }),
}

export const hostileModels: Readonly<Record<string, () => Bytes>> = { ...pieces, ...graphs }
