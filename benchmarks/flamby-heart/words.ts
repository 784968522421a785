/** What the flamby-heart benchmark says to a person. */
import type { Chosen } from './choose.ts'

const share = (value: number): string => value.toFixed(4)

export const flambyHeartWords = {
  about: () =>
    "FLamby's Fed-Heart-Disease: its recipes reproduced, and the best recipe beside training alone; --only FedAvg,Cyclic,best --seeds N --data DIR; --choose chooses that recipe anew",
  running: (what: string, seeds: number) => `${what}, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'} …`,
  ran: (value: number, sd: number) => `  ${share(value)} ± ${share(sd)}`,
  tried: ({ name, federated, local }: Chosen['tried'][number]) =>
    `${name}: ${share(federated)} together, ${share(local)} alone`,
  noStrategy: (name: string, known: readonly string[]) => `there is no row ${name}; there are ${known.join(', ')}`,
  tooManySeeds: (count: number, known: number) => `--seeds ${count}: FLamby has ${known} seeds`,
  heading: (seeds: readonly number[]) =>
    `Fed-Heart-Disease, accuracy as the mean over four centres ± deviation over seeds ${seeds.join(', ')}`,
  columns: (sites: readonly string[]) => ['strategy', 'recipe', 'here', '±', 'published', '±', 'within', ...sites],
  recipe: (same: boolean) => (same ? 'the same' : 'another'),
  within: (is: boolean) => (is ? 'yes' : 'no'),
  share,
  site: (value: number) => value.toFixed(3),
  bestHeading: () => 'The best recipes, chosen by cross-validation on the training records',
  bestColumns: (sites: readonly string[]) => ['', 'recipe', 'accuracy', '±', ...sites],
  together: () => 'together',
  alone: () => 'alone',
  behind: () => 'patients behind alone',
  chosenHeading: () => 'Cross-validation on the training records, accuracy as the mean over four centres',
  chosenColumns: () => ['recipe', 'together', 'alone'],
  chosen: ({ federated, local }: Chosen) => `Chosen: together “${federated}”, alone “${local}”.`,
} as const
