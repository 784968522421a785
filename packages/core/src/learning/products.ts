/**
 * The inner products ⟨xᵢ, xⱼ⟩ of a round's vectors, summed while ranges of them pass by: all that a rule about whole updates asks for.
 *
 * A sum runs from low index to high inside a block of 4,096 coordinates, then over blocks. Blocks lie at multiples of 4,096 of the whole
 * vector, and a range that ends inside one leaves its sum open, so that where ranges are cut changes no bit. Products of Float32
 * values are exact in Float64, which leaves the error of the sums: |found − ⟨x, y⟩| ≤ γ·‖x‖·‖y‖ with γ = (4,096 + d/4,096)·2⁻⁵³ for
 * dimension d (Higham 2002, section 3.1); 7·10⁻¹³ for ten million weights. Values of up to 10³⁸ cannot overflow.
 */
import { tileRows } from '../product-kernel.ts'
import type { Vector } from '../vector.ts'
import { productTiles } from './product-tiles.ts'

const blockLength = 4096

/** What a rule asks for: the norms alone, in time n·d for n vectors, or all products, in n²/2·d. */
export type ProductNeeds = 'norms' | 'products'

/** Sums that are under way; `addProducts` changes them in place. Matrices are `rows` × `rows`, of which the lower half is used. */
export type ProductSums = {
  readonly needs: ProductNeeds
  readonly count: number
  readonly rows: number
  readonly closed: Float64Array
  readonly open: Float64Array
}

export type Products = {
  readonly count: number
  /** Row by row. NaN where only the norms were asked for. */
  readonly values: Float64Array
}

export function startProducts(count: number, needs: ProductNeeds): ProductSums {
  const rows = Math.ceil(count / tileRows) * tileRows
  return {
    needs,
    count,
    rows,
    closed: new Float64Array(rows * rows),
    open: new Float64Array(rows * rows),
  }
}

/** `vectors` are one range each, from coordinate `start` of the whole. Ranges come in order, without gaps. `kernel`: false for plain loops. */
export function addProducts(
  sums: ProductSums,
  vectors: readonly Vector[],
  { start, kernel = true }: { readonly start: number; readonly kernel?: boolean },
): void {
  const length = vectors[0]?.length ?? 0
  const tiles = productTiles(sums.rows, kernel)
  for (let from = 0; from < length; ) {
    const to = Math.min(length, from + blockLength - ((start + from) % blockLength))
    tiles.sums.set(sums.open)
    tiles.add(vectors, { from, to, diagonal: sums.needs === 'norms' })
    sums.open.set(tiles.sums)
    if ((start + to) % blockLength === 0) closeBlock(sums)
    from = to
  }
}

function closeBlock({ closed, open }: ProductSums): void {
  for (let k = 0; k < closed.length; k++) closed[k] = (closed[k] ?? 0) + (open[k] ?? 0)
  open.fill(0)
}

/** What was summed so far. */
export function finishProducts({ needs, count, rows, closed, open }: ProductSums): Products {
  const values = new Float64Array(count * count).fill(Number.NaN)
  for (let i = 0; i < count; i++)
    for (let j = needs === 'norms' ? i : 0; j <= i; j++) {
      const at = i * rows + j
      values[i * count + j] = values[j * count + i] = (closed[at] ?? 0) + (open[at] ?? 0)
    }
  return { count, values }
}

/** For a rule that asks for none: NaN, each of them. */
export const noProducts = (count: number): Products => ({
  count,
  values: new Float64Array(count * count).fill(Number.NaN),
})

export const productOf = ({ count, values }: Products, i: number, j: number): number =>
  values[i * count + j] ?? Number.NaN

/** ‖xᵢ‖. */
export const normOf = (products: Products, i: number): number => Math.sqrt(productOf(products, i, i))

/**
 * ‖xᵢ − xⱼ‖² = ⟨xᵢ, xᵢ⟩ + ⟨xⱼ, xⱼ⟩ − 2⟨xᵢ, xⱼ⟩: exactly 0 for equal vectors, and wrong by at most γ(‖xᵢ‖ + ‖xⱼ‖)², so that it says nothing
 * of vectors nearer to each other than 10⁻⁶ of their length.
 */
export const squaredDistance = (products: Products, i: number, j: number): number =>
  Math.max(0, productOf(products, i, i) + productOf(products, j, j) - 2 * productOf(products, i, j))

/**
 * ‖xᵢ − v‖ of each i below `sites`, where v = Σₖ cₖxₖ. As above, one below 10⁻⁶·(‖xᵢ‖ + Σₖ|cₖ|‖xₖ‖) may be anything below that. An enormous
 * vector costs the others nothing where its coefficient is small enough: only cₖxₖ counts.
 */
export function distancesTo(products: Products, coefficients: readonly number[], sites: number): number[] {
  const { count } = products
  const along = Array.from({ length: count }, (_, i) => {
    let sum = 0
    for (let k = 0; k < count; k++) sum += productOf(products, i, k) * (coefficients[k] ?? 0)
    return sum
  })
  const square = along.reduce((sum, value, k) => sum + value * (coefficients[k] ?? 0), 0)
  return Array.from({ length: sites }, (_, i) =>
    Math.sqrt(Math.max(0, productOf(products, i, i) - 2 * (along[i] ?? 0) + square)),
  )
}
