/** What the soak says to whoever runs it. */
import type { Verdict } from './storm.ts'

const hours = (elapsedMs: number): string => (elapsedMs / 3_600_000).toFixed(1)

export const stormWords = {
  usage: (bugs: readonly string[]): string =>
    `npm run soak -- --seeds N [--from S] [--processes P] [--bug ${bugs.join('|')}] [--trace]\n`,
  progress: (done: number, seeds: number, failed: number): string => `${done} of ${seeds} seeds, ${failed} failed\n`,
  replay: (seed: number, bug: string | undefined): string =>
    `npm run soak -- --seeds 1 --from ${seed}${bug === undefined ? '' : ` --bug ${bug}`} --trace`,
  failure: ({ seed, problem = '', faults, sites, events }: Verdict, replay: string): string =>
    `\nseed ${seed} (${sites} sites, ${events} events): ${problem}\nits faults: ${JSON.stringify(faults)}\nthe same again: ${replay}\n`,
  total: (verdicts: {
    readonly seeds: number
    readonly failed: number
    readonly events: number
    readonly elapsedMs: number
  }): string =>
    `${verdicts.seeds} seeds, ${verdicts.failed} failed, ${verdicts.events} events, ${hours(verdicts.elapsedMs)} hours of virtual time\n`,
  outcome: ({ seed, outcome = 'no outcome', sites, events, elapsedMs, traceHash }: Verdict): string =>
    `seed ${seed}: ${outcome}, ${sites} sites, ${events} events in ${Math.round(elapsedMs / 1000)} s, trace ${traceHash}\n`,
}
