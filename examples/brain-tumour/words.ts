/** What the example says. */
import type { Estimate } from '@wardround/core/metrics/schema.ts'
import type { Row } from './figures.ts'

const percent = (value: number | null): string => (value === null ? '–' : (100 * value).toFixed(1).replace('-', '−'))
const interval = ({ value, low, high }: Estimate): string =>
  value === null ? '–' : `${percent(value)} (${percent(low)}–${percent(high)})`
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2)

type Candidate = {
  readonly candidate: string
  readonly federated: Estimate
  readonly single: Estimate
  readonly bytesPerRound: number
  readonly seconds: number
}

export const brainWords = {
  usage: () =>
    'node examples/brain-tumour/run.ts [--json] [--data FOLDER] [--model cnn|unlike|reference] [--split NAME] [--partition NAME]',
  unknown: (option: string, value: string, known: readonly string[]) =>
    `--${option} ${value} is none of: ${known.join(', ')}.`,
  nothing: () =>
    'No figures are made of this model, split and partition: examples/brain-tumour/README.md says of which.',
  unknownCandidate: (typed: string, known: readonly string[]) => `${typed} is none of: ${known.join('; ')}.`,
  running: (model: string, split: string, partition: string) => `${model}, ${split} split, ${partition} …`,
  heads: () => [
    'model',
    'split',
    'clinics',
    'trained on',
    'tested',
    'accuracy federated',
    'centralised',
    'single clinic',
    'fed. − centr.',
    'MB a round',
  ],
  figures: ({ model, split, partition, nTrain, nTest, accuracy, federatedMinusCentralised, bytesPerRound }: Row) => [
    model,
    split,
    partition,
    nTrain.join(' '),
    String(nTest),
    interval(accuracy.federated),
    interval(accuracy.centralised),
    interval(accuracy.single),
    percent(federatedMinusCentralised),
    megabytes(bytesPerRound),
  ],
  method: () =>
    'Accuracy in percent, with 95 % intervals by resampling test images. Single clinic: four models, each tested on a quarter of the test images.',
  candidateHeads: () =>
    '| candidate | accuracy federated | single clinic | MB a round | s |\n| --- | --- | --- | --- | --- |\n',
  candidate: ({ candidate, federated, single, bytesPerRound, seconds }: Candidate) =>
    `| ${candidate} | ${interval(federated)} | ${percent(single.value)} | ${megabytes(bytesPerRound)} | ${seconds.toFixed(0)} |\n`,
  seconds: (seconds: number) => `${seconds.toFixed(0)} s`,
} as const
