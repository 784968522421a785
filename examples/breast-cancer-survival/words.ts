/** What the example says. */
import type { Estimate } from '@wardround/core/metrics/schema.ts'
import type { Figures, Row } from './figures.ts'

const digits = (value: number | null): string => (value === null ? '–' : value.toFixed(3).replace('-', '−'))
const interval = ({ value, low, high }: Estimate): string =>
  value === null ? '–' : `${digits(value)} (${digits(low)} to ${digits(high)})`

type Over = { readonly mean: number; readonly error: number } | undefined
const over = (found: Over): string => (found === undefined ? '–' : `${digits(found.mean)} ± ${digits(found.error)}`)

export const survivalWords = {
  usage: () => 'node examples/breast-cancer-survival/run.ts [--json] [--data FOLDER] [--seed N]',
  all: () => 'all',
  noSeed: (typed: string) => `--seed ${typed} is no whole number.`,
  heads: () => [
    'region',
    'trained on',
    'died',
    'tested',
    'died',
    'pairs',
    'concordance federated',
    'centralised',
    'single region',
  ],
  figures: ({ region, nTrain, deathsTrain, nTest, deathsTest, pairs, concordance }: Row) => [
    region,
    ...[nTrain, deathsTrain, nTest, deathsTest, pairs].map(String),
    ...[concordance.federated, concordance.centralised, concordance.local].map(interval),
  ],
  differenceHeads: () => ['region', 'federated − centralised', 'federated − single region'],
  differences: ({ region, federatedMinusCentralised, federatedMinusLocal }: Row) => [
    region,
    interval(federatedMinusCentralised),
    interval(federatedMinusLocal),
  ],
  means: ({ meanOverRegions: mean, acrossRegions: across }: Figures) =>
    [
      `Mean of the regions: federated ${digits(mean.federated)}, centralised ${digits(mean.centralised)}, single region ${digits(mean.local)}.`,
      `With pairs across regions: federated ${digits(across.federated)}, centralised ${digits(across.centralised)}.`,
    ].join('\n'),
  bytes: (bytesPerRound: number, rounds: number) =>
    `${rounds} rounds of ${(bytesPerRound / 1000).toFixed(1)} kB: sent and received by all regions together, with what goes before the first round and after the last.`,
  method: () =>
    'Pairs of test patients of one region of whom it is known who died first; 95 % intervals by resampling patients within their region.',
  seconds: (seconds: number) => `${seconds.toFixed(0)} s`,
  unknownCandidate: (typed: string, known: readonly string[]) => `${typed} is none of: ${known.join('; ')}.`,
  noDivisions: (typed: string) => `--divisions ${typed} is no whole number of at least 2.`,
  candidateHeads: () =>
    '| candidate | concordance federated | centralised | single region |\n| --- | --- | --- | --- |\n',
  candidate: (name: string, figures: readonly Over[]) => `| ${[name, ...figures.map(over)].join(' | ')} |\n`,
  chosen: (best: string, chosen: string, behind: Over) =>
    `\nHighest: ${best}. Of its equals the one with the fewest rounds: ${chosen}, behind by ${over(behind)}.\n`,
} as const
