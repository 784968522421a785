/** Text that comes in pieces, as lines. */

/** Takes pieces. A line of more characters than `limit` is not waited for: `tooLong` is called, and nothing else from then on. */
export function lineReader(limit: number, { line, tooLong }: { line(text: string): void; tooLong(): void }) {
  let rest = ''
  let ended = false
  return (piece: string): void => {
    if (ended) return
    const [first = '', ...others] = piece.split('\n')
    const lines = [rest + first, ...others]
    rest = lines.pop() ?? ''
    ended = [rest, ...lines].some(({ length }) => length > limit)
    if (ended) tooLong()
    else for (const text of lines) line(text)
  }
}
