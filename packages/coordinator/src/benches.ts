/** Workbenches, lent to one sum at a time; one that is back is for the next, as the memory of a process is dear to take and slow to give back. */
import { type Take, type Workbench, workbench } from '@wardround/core/workbench.ts'

/** The ranges, sums and results of one sum of updates. */
const benchBytes = 10 << 20

let idle: Workbench | undefined

/** What is taken is for `work` alone, until it has ended. */
export async function onBench<T>(work: (take: Take) => Promise<T>): Promise<T> {
  const bench = idle ?? workbench(benchBytes)
  idle = undefined
  try {
    return await work(bench.begin())
  } finally {
    idle = bench
  }
}
