type Running = { readonly rule: string; readonly sites: number; readonly weights: number }
type Ran = {
  readonly gbPerSecond: number
  readonly numpyForms: readonly { readonly form: string; readonly gbPerSecond: number }[]
}

/** What the aggregation benchmark says to a person. */
export const aggregateWords = {
  about: () =>
    'how fast updates become one, against numpy and against copying memory; --sites N,N --weights N --rules a,b --rule-sites N --rule-weights N --runs N --environment FOLDER',
  unknownRule: (name: string, known: readonly string[]) => `There is no rule ${name}; there are ${known.join(', ')}.`,
  running: ({ rule, sites, weights }: Running) => `${rule}, ${sites} sites × ${weights.toLocaleString('en')} weights …`,
  noRoom: (form: string) => `  numpy, ${form}: left out, there is no room for it beside the files.`,
  killed: (form: string, signal: string) => `  numpy, ${form}: ended by ${signal}, and left out.`,
  ran: ({ gbPerSecond, numpyForms }: Ran) =>
    `  ${gbPerSecond.toFixed(2)} GB/s; numpy ${numpyForms.map((form) => `${form.gbPerSecond.toFixed(2)} (${form.form})`).join(', ')}`,
  heading: () =>
    'Updates into one: GB of updates (Float32) a second, the fastest of the runs, and the most that the process had in memory.',
  columns: () => [
    'rule',
    'sites',
    'weights',
    'GB/s',
    'restarted',
    'sums',
    'MB',
    'numpy',
    'GB/s',
    'sums',
    'MB',
    'time',
    'memory',
    'fastest',
    'GB/s',
    'MB',
    'time',
    'memory',
    'memcpy',
    'sha256',
    'seal',
  ],
  figure: (value: number | null) => (value === null ? '-' : value.toFixed(2)),
  megabytes: (value: number | null) => (value === null ? '-' : String(Math.round(value))),
  ratio: (value: number | null) => (value === null ? '-' : `${value.toFixed(2)}×`),
  notes: (version: string, forms: readonly string[]) => [
    'GB/s: as a round does it: blobs read, each held against its seal, summed in Float64, the new weights written, hashed and synced. restarted: the same by a process that did not write them, and holds them against SHA-256. sums: the arithmetic alone, of updates in memory.',
    `numpy ${version}: its own weighted mean (average) or the rule, from the same files read into memory; sums: that alone. fastest: the fastest of its forms; also where there is no room for the other one. Nothing is checked, nothing is written, and its sums are Float32.`,
    'time: our GB/s by numpy’s. memory: numpy’s peak by ours. memcpy: one array of 400 MB copied to another by Node. sha256, seal: one core hashing, and sealing.',
    'Other forms of numpy, from the same files:',
    ...forms,
  ],
  form: (sites: number, { form: name, gbPerSecond, peakMb }: { form: string; gbPerSecond: number; peakMb: number }) =>
    `  ${sites} sites, ${name}: ${gbPerSecond.toFixed(2)} GB/s, ${Math.round(peakMb)} MB`,
} as const
