type Ran = { readonly gbPerSecond: number; readonly numpyGbPerSecond: number; readonly numpyForm: string }

/** What the aggregation benchmark says to a person. */
export const aggregateWords = {
  about: () =>
    'how fast updates become one, against numpy and against copying memory; --sites N,N --weights N --rules a,b --rule-sites N --rule-weights N --runs N --environment FOLDER',
  noNumpy: (environment: string) => `numpy could not be installed into ${environment} (see above).`,
  unknownRule: (name: string, known: readonly string[]) => `There is no rule ${name}; there are ${known.join(', ')}.`,
  writing: (sites: number, weights: number) =>
    `${sites} updates of ${weights.toLocaleString('en')} weights are written …`,
  running: (rule: string, sites: number) => `${rule}, ${sites} sites …`,
  ran: ({ gbPerSecond, numpyGbPerSecond, numpyForm }: Ran) =>
    `  ${gbPerSecond.toFixed(2)} GB/s; numpy ${numpyGbPerSecond.toFixed(2)} (${numpyForm})`,
  heading: () =>
    'Updates into one: GB of updates (Float32) a second, the fastest of the runs, and the most that the process had in memory.',
  columns: () => [
    'rule',
    'sites',
    'weights',
    'GB/s',
    'sums',
    'numpy',
    'sums',
    'form',
    'memcpy',
    'sha256',
    'MB',
    'numpy MB',
    'time',
    'memory',
  ],
  figure: (value: number | null) => (value === null ? '-' : value.toFixed(2)),
  megabytes: (value: number | null) => (value === null ? '-' : String(Math.round(value))),
  ratio: (value: number | null) => (value === null ? '-' : `${value.toFixed(2)}×`),
  notes: (version: string, forms: readonly string[]) => [
    'GB/s: as a round does it: blobs read, each checked against its SHA-256, summed in Float64, the new weights written, hashed and synced. sums: the arithmetic alone, of updates in memory.',
    `numpy ${version}: the same files read into memory, and its fastest form; sums: that form alone. Nothing is checked, nothing is written. Its sums are Float32.`,
    'memcpy: one array of 400 MB copied to another by Node. sha256: one core hashing, which the whole path cannot outrun. time: our GB/s by numpy’s. memory: numpy’s peak by ours.',
    'Other forms of numpy, from the same files:',
    ...forms,
  ],
  form: (sites: number, { form: name, gbPerSecond, peakMb }: { form: string; gbPerSecond: number; peakMb: number }) =>
    `  ${sites} sites, ${name}: ${gbPerSecond.toFixed(2)} GB/s, ${Math.round(peakMb)} MB`,
} as const
