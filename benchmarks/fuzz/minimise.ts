/** The few, short inputs that run all that many of them ran. */
import type { Boundary, Bytes } from './boundary.ts'
import type { Coverage } from './coverage.ts'

const longestKept = 4096
const mostKept = 60

/** `coverage` forgets what it knew. Inputs that the boundary does not survive are left out: they are findings. */
export async function minimise(
  boundary: Boundary,
  inputs: readonly Bytes[],
  coverage: Coverage,
): Promise<readonly Bytes[]> {
  const session = await boundary.open()
  coverage.forget()
  // What opening it ran is nobody's.
  coverage.keep(coverage.take())
  const kept: Bytes[] = []
  for (const input of inputs.filter(({ length }) => length <= longestKept).toSorted((a, b) => a.length - b.length)) {
    if (kept.length >= mostKept) break
    try {
      await session.take(input)
    } catch {
      // A refusal, most of the time: it ran what it ran.
    }
    const executed = coverage.take()
    if (coverage.fresh(executed) === 0) continue
    coverage.keep(executed)
    kept.push(input)
  }
  await session.close()
  return kept
}
