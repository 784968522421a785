/** A network with one hidden layer of two, as a file that somebody exported. */
import { encodeModel } from '../encode-model.ts'
import type { Dim, Node, Tensor } from '../ir.ts'

export type SmallFile = {
  readonly inputs?: number
  readonly outputs?: number
  /** Of the first layer's weights and bias. */
  readonly names?: readonly [weight: string, bias: string]
  /** What follows the last layer, one operator after another. */
  readonly end?: readonly string[]
  /** More of it. */
  readonly nodes?: readonly Node[]
  readonly initializers?: readonly Tensor[]
  readonly shape?: readonly Dim[]
  /** The last layer's. */
  readonly bias?: number
  /** What it takes. */
  readonly last?: string
}

export const node = (op: string, inputs: readonly string[], output: string): Node => ({
  op,
  domain: '',
  inputs,
  outputs: [output],
  attributes: {},
})

export const floats = (name: string, shape: readonly number[], data: readonly number[]): Tensor => ({
  name,
  type: 'float32',
  shape,
  data: Float32Array.from(data),
})

/** Values go up by a quarter. */
const rising = (name: string, ...shape: readonly number[]): Tensor =>
  floats(
    name,
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => (index + 1) / 4),
  )

/** One layer over the pixels of an image. */
export const imageFile = (extents: readonly number[], outputs = 1): Uint8Array<ArrayBuffer> =>
  encodeModel(
    {
      name: 'image',
      inputs: [{ name: 'x', type: 'float32', shape: ['batch', ...extents] }],
      outputs: [{ name: 'z', type: 'float32', shape: ['batch', outputs] }],
      initializers: [
        rising(
          'out.weight',
          extents.reduce((product, extent) => product * extent, 1),
          outputs,
        ),
        rising('out.bias', outputs),
      ],
      nodes: [node('Flatten', ['x'], 'f'), node('Gemm', ['f', 'out.weight', 'out.bias'], 'z')],
    },
    {},
    20,
  )

/** A convolution of one pixel, [labels, height, width] of [1, height, width], and what follows it. */
export const markingFile = (labels: number, end: readonly Node[] = []): Uint8Array<ArrayBuffer> =>
  encodeModel(
    {
      name: 'marking',
      inputs: [{ name: 'x', type: 'float32', shape: ['batch', 1, 4, 6] }],
      outputs: [{ name: end.at(-1)?.outputs[0] ?? 'z', type: 'float32', shape: ['batch', labels, 4, 6] }],
      initializers: [rising('out.weight', labels, 1, 1, 1), rising('out.bias', labels)],
      nodes: [node('Conv', ['x', 'out.weight', 'out.bias'], 'z'), ...end],
    },
    {},
    20,
  )

export function smallFile(change: SmallFile = {}): Uint8Array<ArrayBuffer> {
  const { inputs = 1, outputs = 1, names: [weight, bias] = ['hidden.weight', 'hidden.bias'], end = [] } = change
  const ends = end.map((op, index) => node(op, [index === 0 ? 'z' : `z${index}`], `z${index + 1}`))
  return encodeModel(
    {
      name: 'small',
      inputs: [{ name: 'x', type: 'float32', shape: change.shape ?? ['batch', inputs] }],
      outputs: [{ name: end.length === 0 ? 'z' : `z${end.length}`, type: 'float32', shape: ['batch', outputs] }],
      initializers: [
        rising(weight, inputs, 2),
        rising(bias, 2),
        rising('out.weight', 2, outputs),
        change.bias === undefined ? rising('out.bias', outputs) : floats('out.bias', [outputs], [change.bias]),
        ...(change.initializers ?? []),
      ],
      nodes: [
        node('Gemm', ['x', weight, bias], 'h'),
        node('Tanh', ['h'], 't'),
        ...(change.nodes ?? []),
        node('Gemm', [change.last ?? 't', 'out.weight', 'out.bias'], 'z'),
        ...ends,
      ],
    },
    {},
    20,
  )
}
