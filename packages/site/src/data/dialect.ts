/** How a CSV file is written, guessed from its beginning: delimiter and decimal sign. */

export type Dialect = { readonly delimiter: string; readonly decimal: '.' | ',' }

const delimiters = [',', ';', '\t', '|'] as const

/** Lines that are looked at. */
const sampleLines = 50

/**
 * The delimiter that divides the first lines into the same number of fields, at least two. Where several do, the one whose
 * count is `columns`, then the one with most fields. A file of one column has none: the comma then.
 */
export function guessDelimiter(sample: string, columns?: number): string {
  const scored = delimiters.map((delimiter) => {
    const counts = fieldsOf(sample, delimiter).map(({ length }) => length)
    const expected = columns ?? counts[0] ?? 1
    const even = counts.filter((count) => count === expected).length / Math.max(1, counts.length)
    return { delimiter, even: expected > 1 ? even : 0, fields: expected > 1 ? (counts[0] ?? 1) : 0 }
  })
  const best = scored.reduce((a, b) => (b.even > a.even || (b.even === a.even && b.fields > a.fields) ? b : a))
  return best.fields > 1 ? best.delimiter : ','
}

const withComma = /^[+-]?\d*,\d+$/
const withPoint = /^[+-]?\d*\.\d+$/

/** A comma where numbers have commas and none has a point. With a comma between fields, numbers have points. */
export function guessDecimal(sample: string, delimiter: string): '.' | ',' {
  if (delimiter === ',') return '.'
  const cells = fieldsOf(sample, delimiter).flat()
  return cells.some((cell) => withComma.test(cell)) && !cells.some((cell) => withPoint.test(cell)) ? ',' : '.'
}

/** The first lines as fields: quotation marks keep delimiters and line breaks inside. The last line may be cut, so it is left out. */
function fieldsOf(sample: string, delimiter: string): string[][] {
  const lines: string[][] = []
  let fields: string[] = []
  let field = ''
  let quoted = false
  const endLine = (): void => {
    fields.push(field.trim())
    if (fields.length > 1 || fields[0] !== '') lines.push(fields)
    fields = []
    field = ''
  }
  for (const character of sample) {
    if (lines.length >= sampleLines) return lines
    if (character === '"') quoted = !quoted
    else if (character === delimiter && !quoted) {
      fields.push(field.trim())
      field = ''
    } else if (character === '\n' && !quoted) endLine()
    else if (character !== '\r') field += character
  }
  if (lines.length === 0) endLine()
  return lines
}
