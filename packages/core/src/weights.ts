/** Named tensors: what a model learns. The order is the model's own, and is the order of the flat vector. */
export type NamedTensor = {
  /** `layer.kernel` or `layer.bias`, as Keras names them. */
  readonly name: string
  readonly shape: readonly number[]
  /** Row-major, product(shape) values. */
  readonly data: Float32Array<ArrayBuffer>
}

export type Weights = readonly NamedTensor[]

/** What a weight tensor must look like, without its values. */
export type TensorSpec = { readonly name: string; readonly shape: readonly number[] }

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1)

/** The length of the flat vector. */
export const dimensionOf = (specs: readonly TensorSpec[]): number =>
  specs.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
