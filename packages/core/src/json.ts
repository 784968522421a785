/**
 * JSON that travels, is hashed or is kept: I-JSON (RFC 7493), which is what has a canonical form (RFC 8785). A text may not hold half of a
 * surrogate pair, which no UTF-8 can say, and a number must be finite: `1e999` is JSON, and nothing that we could write again.
 */

/** Nothing of ours is nested as deep; what is deeper is no document, and could exhaust the stack of whoever walks through it. */
const deepest = 100

/** The path to what has no canonical form in plain JSON data, or undefined where all of it has one. */
export const flawIn = (value: unknown): readonly string[] | undefined => find(value, [])

function find(value: unknown, path: readonly string[]): readonly string[] | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? undefined : path
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : path
  if (typeof value !== 'object' || value === null) return undefined
  if (path.length >= deepest) return path
  for (const [key, inner] of Object.entries(value)) {
    const place = [...path, key]
    const flaw = key.isWellFormed() ? find(inner, place) : place
    if (flaw !== undefined) return flaw
  }
  return undefined
}

/** The value of a JSON text. Errors: SyntaxError, also for JSON that has no canonical form. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  if (flawIn(value) !== undefined) throw new SyntaxError('It has no canonical form.')
  return value
}
