/** What the load benchmark says to a person. */
import type { Load, LoadReport } from './load.ts'

const figure = (value: number | null, digits = 0): string => (value === null ? '-' : value.toFixed(digits))
const percent = (share: number | null): string => (share === null ? '-' : `${Math.round(100 * share)}%`)

export const loadWords = {
  about: () =>
    'sites that poll and work, watchers that watch, and how long a call takes meanwhile; --seconds N --sites N --watchers N --studies N',
  joining: (sites: number) => `${sites} sites join …`,
  running: ({ seconds, studies }: Load) => `${studies} studies for ${seconds} s …`,
  callFailed: (route: string, error: unknown) => `a call of ${route} failed: ${String(error)}`,
  heading: ({ sites, watchers, studies, seconds }: Load) =>
    `${sites} sites and ${watchers} watchers on one coordinator for ${seconds} s, over TLS, with ${studies} studies going on:`,
  columns: () => ['call', 'calls', 'p50 ms', 'p99 ms', 'max ms', 'errors'],
  figure,
  facts: ({ memory, cpuShare, requestsPerSecond, refusals, roundsEnded, events }: LoadReport) => [
    'Calls are due at a steady rate, and each is counted from when it was due, answered or not the one before.',
    `Coordinator: ${figure(requestsPerSecond)} requests a second, ${refusals} refused; ${roundsEnded} rounds ended.`,
    `Events: ${events.sent} to be received by all watchers together, ${events.received} received; ${events.lost} lost, ${events.doubled} twice, ${events.outOfOrder} out of order, ${events.streamsBrokenOff} streams broken off.`,
    `Memory of the coordinator after the first third of the time: median ${figure(memory.firstThirdMb)} MB in the first third of the rest, ${figure(memory.lastThirdMb)} MB in the last; best line ${figure(memory.slopeMbPerMinute, 2)} MB a minute (resident, 10^6 bytes; Linux only).`,
    'It grows where the median of the last third is more than a tenth above that of the first, and the best line rises by more than that.',
    `Of one processor: coordinator ${percent(cpuShare.coordinator)}, sites ${percent(cpuShare.sites)}, watchers ${percent(cpuShare.watchers)}.`,
  ],
  met: () => 'All targets are met: p99 under 100 ms, no growth, no event lost.',
  missed: {
    slow: (route: string, p99Ms: number | null) =>
      `MISSED: 99 of 100 calls of ${route} under 100 ms (it is ${figure(p99Ms, 1)}).`,
    failed: (route: string, errors: number) => `MISSED: ${errors} calls of ${route} failed.`,
    grows: () => 'MISSED: the coordinator grows.',
    events: () => 'MISSED: an event was lost, came twice or out of order, or none was sent.',
  },
} as const
