/** What every benchmark does with its figures. */

/** null of none. */
export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}

/** The smallest value that at least the share `q` of all, 0 < q ≤ 1, are not above (nearest rank); null of none. */
export function quantile(values: readonly number[], q: number): number | null {
  return values.toSorted((a, b) => a - b)[Math.ceil(q * values.length) - 1] ?? null
}

/** Lines of a table: the first `left` columns aligned to the left, figures to the right. */
export function aligned(lines: readonly (readonly string[])[], left: number): string[] {
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? []
  return lines.map((line) =>
    line
      .map((cell, column) => (column < left ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}
