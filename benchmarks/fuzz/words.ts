/** What the fuzzer says to a person. */
export const fuzzWords = {
  usage: () => [
    'npm run fuzz -- [BOUNDARY…] [--inputs N] [--seed S] [--json] [--keep] [--replay FILE]',
    '',
    'Gives made-up inputs to every place where bytes come in from outside, and looks for what is no coded refusal. Exit code 1: something was found.',
    '  --inputs N     inputs for each boundary (100000)',
    '  --seed S       another one makes other inputs (1)',
    '  --keep         what runs most with least is kept in benchmarks/fuzz/corpus',
    '  --replay FILE  only the inputs of a finding, given to one boundary',
    '',
  ],
  entry: (name: string) => `  ${name}`,
  running: (name: string) => `${name} …`,
  columns: () => [
    'boundary',
    'inputs',
    'accepted',
    'refused',
    'slowest ms',
    'peak MB',
    'held MB',
    'corpus',
    'ran',
    'new',
    'alone MB',
    'alone ms',
  ],
  codes: (refused: Readonly<Record<string, number>>) =>
    Object.entries(refused)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([code, count]) => `${code} ${count}`)
      .join(', '),
  notes: () => [
    'slowest: the one input that took longest. peak: the most memory that its process had (resident, 10^6 bytes). held: what was still held at the end, beyond what was after a tenth of the inputs.',
    'alone: the most memory of one input that is the only one in a process of its own, beyond what the process had before, and the longest until one was refused: of the corpus, of the slowest, and of files made to harm (hostile-models.ts).',
    'corpus: inputs that each ran something that none before it did. ran: characters of the boundary’s source that ran, and new: those that the kept corpus alone does not run.',
  ],
  finding: (boundary: string, why: string) => `FOUND at ${boundary}: ${why}`,
  replay: (boundary: string, seed: number, file: string) =>
    `  again: npm run fuzz -- ${boundary} --replay ${file}    (seed ${seed})`,
  clean: (boundaries: number, inputs: number) =>
    `Nothing found: ${inputs.toLocaleString('en')} inputs at ${boundaries} boundaries.`,
  found: (count: number) => `${count} found.`,
  silent: (ms: number) => `said nothing for ${ms / 1000} s`,
  ended: (code: number | null) => `the process ended (${code ?? 'killed'})`,
  tooMuch: (
    needed: { readonly megabytes: number; readonly ms: number },
    allowed: { readonly megabytes: number; readonly ms: number },
  ) =>
    `alone in a process it takes ${Math.round(needed.megabytes)} MB and ${Math.round(needed.ms)} ms; at most ${allowed.megabytes} MB and ${allowed.ms} ms are allowed`,
  unpromised: (outcome: string) => `${outcome}, which this boundary does not promise`,
  weighing: (inputs: number) => `  ${inputs} inputs, each in a process of its own …`,
  held: (heldMb: number, limitMb: number) =>
    `holds ${heldMb} MB more at the end than early on; at most ${limitMb} are allowed`,
  noNumber: (name: string, text: string) => `--${name} ${text} is not a whole number.`,
  noBoundary: (names: readonly string[]) => `There is no boundary ${names.join(', ')}.`,
  oneBoundary: () => '--replay needs the one boundary that the inputs are for.',
} as const
