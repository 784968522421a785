/** What the benchmark of survival times says to a person. */
const digits = (value: number | null): string => (value === null ? '–' : value.toFixed(3).replace('-', '−'))

export const survivalBenchWords = {
  about: () =>
    'Cox’s regression on Fed-TCGA-BRCA against lifelines’, on the same patients and inputs; --data FOLDER --environment FOLDER',
  federation: () => 'six regions together, all patients in one place …',
  lifelines: (fits: number) => `${fits} regressions by lifelines …`,
  ended: (code: number | null) => `Python ended with ${code} (see above).`,
  federated: () => 'Wardround, federated',
  centralised: () => 'Wardround, centralised',
  lifelinesModel: (version: string, penalizer: number) => `lifelines ${version}, centralised, penalizer ${penalizer}`,
  columns: (regions: readonly string[]) => ['model', 'mean of regions', 'all regions', 'across regions', ...regions],
  figure: digits,
  triedHeading: () => 'Penalizers of lifelines, by the training patients alone (choose.ts of the example):',
  triedColumns: () => ['penalizer', 'concordance'],
  publishedHeading: () => 'FLamby, as published (published.ts): another recipe each, mean of regions over five seeds:',
  publishedColumns: () => ['strategy', 'mean of regions', 'deviation'],
  differs: (largest: number) =>
    `The concordance that lifelines finds in our predictions differs from ours by at most ${largest.toExponential(0)}.`,
} as const
