/**
 * Small weights carried as one vector, and each kind of an optimizer's state with them: the optimizer is then as many nodes as for one tensor. What it does to
 * each value is the same, and so are the bits.
 */
import { sizeOf, type TensorSpec } from '../weights.ts'
import type { GraphBuilder } from './builder.ts'
import { int, type ValueInfo } from './ir.ts'
import type { Optimizer } from './optimizers/optimizer.ts'

/** The weights first, then their states. None: every tensor is carried by itself. */
export type Packing = readonly Packed[]
type Packed = { readonly value: ValueInfo; readonly tensors: readonly TensorSpec[] }

const packed = 'packed'

/** Taking a tensor out and putting its gradient in is two copies, and as much time as one or two nodes. */
const [mostValuesEach, fewestSaved] = [1 << 10, 2]

export function packingOf({ learnt, optimizer }: { learnt: readonly TensorSpec[]; optimizer: Optimizer }): Packing {
  const length = learnt.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  const vector = { name: packed, shape: [length] }
  const kinds = optimizer.state([vector]).filter(({ name }) => name.startsWith(packed))
  const isWorthIt = kinds.length * (learnt.length - 1) >= fewestSaved && length <= mostValuesEach * learnt.length
  if (!optimizer.isElementwise || !isWorthIt) return []
  return [vector, ...kinds].map(({ name, shape }) => ({
    value: { name, type: 'float32', shape },
    tensors: learnt.map((tensor) => ({ ...tensor, name: `${tensor.name}${name.slice(packed.length)}` })),
  }))
}

/** Tensors as one vector. */
export function pack(b: GraphBuilder, tensors: readonly string[], name?: string): string {
  const flat = tensors.map((tensor) =>
    b.shape(tensor).length === 1 ? tensor : b.node('Reshape', [tensor, b.axes([-1])]),
  )
  return b.node('Concat', flat, { attributes: { axis: int(0) }, ...(name === undefined ? {} : { name }) })
}

/** The tensors in a vector, which get their names. */
export function unpack(b: GraphBuilder, vector: string, tensors: readonly TensorSpec[]): void {
  const isVector = ({ shape }: TensorSpec): boolean => shape.length === 1
  const outputs = tensors.map((tensor) => (isVector(tensor) ? tensor.name : b.unused('Split')))
  b.several('Split', [vector, b.axes(tensors.map(({ shape }) => sizeOf(shape)))], { outputs })
  for (const [index, { name, shape }] of tensors.entries())
    if (outputs[index] !== name) b.node('Reshape', [outputs[index] ?? '', b.axes(shape)], { name })
}
