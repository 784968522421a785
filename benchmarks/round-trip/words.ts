/** What the round-trip benchmark says to a person. */
export const roundTripWords = {
  about: () =>
    'what a round costs that trains nothing, by the number of sites and the size of the model; --sites N,N --weights N,N --rounds N',
  running: ({ sites, weights }: { sites: number; weights: number }, rounds: number) =>
    `${sites} sites, ${weights.toLocaleString('en')} weights, ${rounds} rounds …`,
  ran: (overheadMs: number) => `  ${Math.round(overheadMs)} ms a round`,
  heading: () =>
    'What a round costs that trains nothing: a coordinator and sites, each its own process with its own folder, on TLS, every request signed, every result durable. More than 16 sites are a crowd in one process, without disks.',
  columns: () => [
    'sites',
    'weights',
    'rounds',
    'ms/round',
    'fastest',
    'slowest',
    'requests',
    'CPU ms',
    'sites CPU ms',
    'coordinator MB',
    'site MB',
  ],
  figure: (value: number | null) => (value === null ? '-' : String(Math.round(value))),
  ratio: (value: number) => value.toFixed(0),
  notes: (bareRequestMs: number) => [
    "ms/round: median time from one round's end to the next one's, by the coordinator's clock; fastest and slowest of them beside it.",
    `requests: ms/round in bare HTTPS requests between two processes of this machine, ${bareRequestMs.toFixed(2)} ms each just before: how slow the machine is itself.`,
    'CPU ms: processor time of the coordinator, and of all sites together, for each round after the first, in all their threads (Linux only).',
    'MB: the most that the coordinator, and that any one process of sites had in memory (resident, in 10^6 bytes; Linux only).',
  ],
} as const
