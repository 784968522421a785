/**
 * Small weights carried as one vector, and each kind of an optimizer's state with them: the optimizer is then as many nodes as for one tensor. What it does to
 * each value is the same, and so are the bits.
 */
import { sizeOf, type TensorSpec } from '../weights.ts'
import type { GraphBuilder } from './builder.ts'
import { int, type ValueInfo } from './ir.ts'
import type { Joined } from './joined.ts'
import type { Optimizer } from './optimizers/optimizer.ts'

export type Packing = {
  /** The weights first, then their states. */
  readonly vectors: readonly Packed[]
  /** What a step takes out of the weights: they themselves, but for two that are joined. */
  readonly pieces: readonly TensorSpec[]
  /** The first piece, if it is a kernel and a bias. */
  readonly joined?: Joined
}
type Packed = { readonly value: ValueInfo; readonly tensors: readonly TensorSpec[] }

const packed = 'packed'

/** Taking a tensor out and putting its gradient in is two copies, and as much time as one or two nodes. */
const [mostValuesEach, fewestSaved] = [1 << 10, 2]

type Small = { readonly learnt: readonly TensorSpec[]; readonly optimizer: Optimizer; readonly joined?: Joined }

/** undefined: every tensor is carried by itself. */
export function packingOf({ learnt, optimizer, joined }: Small): Packing | undefined {
  const length = learnt.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  const isOne = joined !== undefined && learnt.length === 2
  const vector = { name: packed, shape: isOne ? joined.shape : [length] }
  const kinds = optimizer.state([vector]).filter(({ name }) => name.startsWith(packed))
  const isWorthIt = isOne || kinds.length * (learnt.length - 1) >= fewestSaved
  if (!optimizer.isElementwise || !isWorthIt || length > mostValuesEach * learnt.length) return undefined
  return {
    vectors: [vector, ...kinds].map(({ name, shape }) => ({
      value: { name, type: 'float32', shape },
      tensors: learnt.map((tensor) => ({ ...tensor, name: `${tensor.name}${name.slice(packed.length)}` })),
    })),
    pieces: isOne ? [vector] : joined === undefined ? learnt : [joined, ...learnt.slice(2)],
    ...(joined && { joined: isOne ? { ...joined, ...vector } : joined }),
  }
}

/** Tensors as one vector, or as `whole`; what is one by itself stays as it is. */
export function pack(b: GraphBuilder, tensors: readonly string[], whole?: Pick<ValueInfo, 'name' | 'shape'>): string {
  if (tensors.length === 1 && whole === undefined) return tensors[0] ?? ''
  const flat = tensors.map((tensor) =>
    b.shape(tensor).length === 1 ? tensor : b.node('Reshape', [tensor, b.axes([-1])]),
  )
  const concat = (name?: string): string =>
    b.node('Concat', flat, { attributes: { axis: int(0) }, ...(name === undefined ? {} : { name }) })
  if (whole === undefined || whole.shape.length === 1) return concat(whole?.name)
  return b.node('Reshape', [concat(), b.axes(whole.shape.map(Number))], { name: whole.name })
}

/** The tensors in a vector, or in what has another shape, which get their names; one that has its name already is there. */
export function unpack(b: GraphBuilder, whole: string, tensors: readonly TensorSpec[]): void {
  if (tensors[0]?.name === whole) return
  const vector = b.shape(whole).length === 1 ? whole : b.node('Reshape', [whole, b.axes([-1])])
  const isVector = ({ shape }: TensorSpec): boolean => shape.length === 1
  const outputs = tensors.map((tensor) => (isVector(tensor) ? tensor.name : b.unused('Split')))
  b.several('Split', [vector, b.axes(tensors.map(({ shape }) => sizeOf(shape)))], { outputs })
  for (const [index, { name, shape }] of tensors.entries())
    if (outputs[index] !== name) b.node('Reshape', [outputs[index] ?? '', b.axes(shape)], { name })
}
