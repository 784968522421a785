/** What one watcher has received of what was sent, by sequence numbers. */

export type Comparison = {
  readonly sent: number
  readonly received: number
  readonly lost: number
  readonly doubled: number
  /** Numbers that came after a higher one, for the first time. */
  readonly outOfOrder: number
}

export type Received = { add(sequence: number): void; compare(sent: readonly number[]): Comparison }

export function received(): Received {
  const numbers: number[] = []
  return {
    add: (sequence) => void numbers.push(sequence),
    compare(sent) {
      const seen = new Set<number>()
      let [highest, doubled, outOfOrder] = [0, 0, 0]
      for (const number of numbers) {
        if (seen.has(number)) doubled += 1
        else if (number < highest) outOfOrder += 1
        seen.add(number)
        highest = Math.max(highest, number)
      }
      const lost = sent.filter((number) => !seen.has(number)).length
      return { sent: sent.length, received: numbers.length, lost, doubled, outOfOrder }
    },
  }
}

/** The numbers of server-sent events, out of a stream's chunks wherever they are cut: lines `id: N`. */
export function sequencesIn(): (chunk: Uint8Array) => number[] {
  const decoder = new TextDecoder()
  let rest = ''
  return (chunk) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    return lines.flatMap((line) => (line.startsWith('id: ') ? [Number(line.slice(4))] : []))
  }
}
