/** One boundary in a process of its own, so that nothing it does can end more than itself. Arguments: a ChildTask as JSON. */
import { ftruncateSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Boundary, Bytes } from './boundary.ts'
import { type Coverage, startCoverage } from './coverage.ts'
import { explore } from './explore.ts'
import { corpusFile, readInputs, writeInputs } from './inputs.ts'
import { minimise } from './minimise.ts'

export const taskSchema = z.strictObject({
  boundary: z.string(),
  inputs: z.int().min(0),
  seed: z.int(),
  /** Where the input in hand, and findings, are written down. */
  folder: z.string(),
  /** Whether what was found interesting replaces the kept corpus. */
  keep: z.boolean(),
  /** Only the inputs in this file, in their order. */
  replay: z.string().optional(),
})
export type ChildTask = z.output<typeof taskSchema>

export const reportSchema = z.strictObject({
  boundary: z.string(),
  inputs: z.int(),
  accepted: z.int(),
  refused: z.record(z.string(), z.int()),
  slowestMs: z.number(),
  peakMb: z.number(),
  /** Held after a garbage collection at the end, beyond what was held after a tenth of the inputs. */
  heldMb: z.number(),
  corpus: z.int(),
  /** Characters of the boundary's sources that ran: with the kept corpus alone, and with all inputs. */
  coveredBefore: z.int(),
  covered: z.int(),
  /** A file of inputs that ran something new, or took long. */
  kept: z.string(),
  findings: z.array(z.strictObject({ why: z.string(), file: z.string() })),
})
export type ChildReport = z.output<typeof reportSchema>

const mb = (bytes: number): number => Math.round(bytes / 1e5) / 10

/** May be held at most, beyond what was held after a tenth of the inputs. */
export const heldLimitMb = 128

const held = (): number => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** This process's own work: what else the machine does is no fault of an input. One that waits for ever is seen by whoever watches. */
const ownMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Writes down each input before it is taken: a process that ends can no longer say what it was. */
function recorder(folder: string): (input: Bytes) => void {
  const file = openSync(join(folder, 'current'), 'w')
  return (input) => {
    ftruncateSync(file, 0)
    writeSync(file, `${input.toBase64()}\n`, 0)
  }
}

async function run(boundary: Boundary, coverage: Coverage, task: ChildTask): Promise<ChildReport> {
  const { inputs, seed, folder, keep, replay } = task
  const known = readInputs(replay ?? corpusFile(boundary.name))
  let early: number | undefined
  let coveredBefore = 0
  let told = performance.now()
  const found = await explore(replay === undefined ? boundary : { ...boundary, seeds: [] }, {
    inputs: replay === undefined ? inputs : 0,
    seed,
    corpus: known,
    coverage,
    now: ownMs,
    before: recorder(folder),
    after(taken) {
      if (taken <= known.length + boundary.seeds.length) coveredBefore = coverage.size()
      if (early === undefined && taken * 10 >= inputs) early = held()
      if (performance.now() - told < 1000) return
      told = performance.now()
      process.send?.({ taken })
    },
  })
  const covered = coverage.size()
  const heldMb = mb(held() - (early ?? held()))
  if (keep) writeInputs(corpusFile(boundary.name), await minimise(boundary, found.corpus, coverage))
  coverage.close()
  const findings = found.findings.map((finding, index) => {
    const file = join(folder, `${boundary.name.replaceAll('/', '-')}-${seed}-${index + 1}.txt`)
    writeInputs(file, finding.inputs)
    return { why: finding.why, file }
  })
  const { accepted, refused, slowestMs } = found
  const kept = join(folder, `${boundary.name.replaceAll('/', '-')}-${seed}-kept.txt`)
  writeInputs(kept, [...new Set([...found.corpus, ...found.slowest])])
  const counts = { inputs: found.inputs, accepted, refused, slowestMs, corpus: found.corpus.length }
  const peakMb = mb(process.resourceUsage().maxRSS * 1024)
  return { boundary: boundary.name, ...counts, peakMb, heldMb, coveredBefore, covered, kept, findings }
}

// Not where another module asks for the schemas.
if (import.meta.main) {
  const task = taskSchema.parse(JSON.parse(process.argv[2] ?? ''))
  let sources = /^$/
  const coverage = startCoverage(() => sources)
  const { boundaries } = await import('./boundaries/all.ts')
  const boundary = boundaries.find(({ name }) => name === task.boundary)
  if (boundary === undefined) throw new TypeError(`There is no boundary ${task.boundary}.`)
  sources = boundary.sources
  process.send?.({ taken: 0 })
  const report = await run(boundary, coverage, task)
  process.send?.({ report }, () => process.exit(0))
}
