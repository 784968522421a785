/**
 * ONNX as a value: a graph is immutable data, built with builder.ts, read and written by decode-model.ts and encode-model.ts, differentiated by
 * differentiate.ts. Only what Wardround uses of ONNX is here; safelist.ts says what a site accepts.
 */

/** The operator set that our graphs are written in, and the model format's version. */
export const opsetVersion = 21
export const irVersion = 10

export const elementTypes = ['float32', 'uint8', 'int32', 'int64', 'bool', 'string'] as const
export type ElementType = (typeof elementTypes)[number]

/** A fixed extent, or the name of one that is known only when the graph runs (`batch`). */
export type Dim = number | string
export type Shape = readonly Dim[]

export type ValueInfo = { readonly name: string; readonly type: ElementType; readonly shape: Shape }

type Values = {
  readonly float32: Float32Array
  readonly uint8: Uint8Array
  readonly int32: Int32Array
  readonly int64: BigInt64Array
  /** One byte each, 0 or 1. */
  readonly bool: Uint8Array
  readonly string: readonly string[]
}

/** A constant: row-major values of a fixed shape. */
export type Tensor = {
  [T in ElementType]: {
    readonly name: string
    readonly type: T
    readonly shape: readonly number[]
    readonly data: Values[T]
  }
}[ElementType]

export type Attribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: Graph }

export type Node = {
  readonly op: string
  /** '' is ONNX's own domain. */
  readonly domain: string
  /** An empty name is an optional input left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

/** Nodes are in topological order. A subgraph may also name values of the graphs around it. */
export type Graph = {
  readonly name: string
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly initializers: readonly Tensor[]
  readonly nodes: readonly Node[]
}

export const int = (value: number): Attribute => ({ kind: 'int', value })
export const float = (value: number): Attribute => ({ kind: 'float', value })
export const ints = (value: readonly number[]): Attribute => ({ kind: 'ints', value })
export const texts = (value: readonly string[]): Attribute => ({ kind: 'strings', value })
export const text = (value: string): Attribute => ({ kind: 'string', value })
export const subgraph = (value: Graph): Attribute => ({ kind: 'graph', value })

/** The integer attribute `name` of a node, or `otherwise` (ONNX's default). */
export function intAttribute(node: Node, name: string, otherwise: number): number {
  const attribute = node.attributes[name]
  return attribute?.kind === 'int' ? attribute.value : otherwise
}

export function intsAttribute(node: Node, name: string): readonly number[] | undefined {
  const attribute = node.attributes[name]
  return attribute?.kind === 'ints' ? attribute.value : undefined
}

export function floatAttribute(node: Node, name: string, otherwise: number): number {
  const attribute = node.attributes[name]
  return attribute?.kind === 'float' ? attribute.value : otherwise
}
