/** What the example says. */
import type { Estimate } from '@wardround/core/metrics/schema.ts'
import type { Row } from './figures.ts'

const digits = (value: number | null): string => (value === null ? '–' : value.toFixed(3).replace('-', '−'))
const interval = ({ value, low, high }: Estimate): string =>
  value === null ? '–' : `${digits(value)} (${digits(low)}–${digits(high)})`
const over = ({ mean, error }: Row['overSplits']['federatedMinusPooled']): string =>
  error === null ? digits(mean) : `${digits(mean)} ± ${digits(error)}`
const met = (known: boolean | null): string => (known === null ? '–' : known ? 'met' : 'missed')

export const icuWords = {
  usage: () =>
    'node examples/icu-mortality/run.ts [--json] [--data FOLDER] [--splits N] [--federation NAME] [--model NAME]',
  unknown: (option: string, value: string, known: readonly string[]) =>
    `--${option} ${value} is none of: ${known.join(', ')}.`,
  running: (federation: string, model: string, split: number) => `${federation}, ${model}, split ${split} …`,
  heads: () => ['federation', 'model', 'sites', 'test', 'AUROC federated', 'pooled', 'local only'],
  figures: ({ federation, model, sites, nTest, auroc }: Row) => [
    federation,
    model,
    String(sites),
    String(nTest),
    interval(auroc.federated),
    interval(auroc.pooled),
    interval(auroc.local),
  ],
  differenceHeads: (splits: number) => [
    'federation',
    'model',
    'federated − pooled',
    '− local',
    'over sites: − local',
    'target',
    ...(splits > 1 ? [`${splits} splits: − pooled`, '− local', 'over sites: − local', 'target'] : []),
  ],
  differences: (row: Row, splits: number) => [
    row.federation,
    row.model,
    digits(row.federatedMinusPooled),
    digits(row.federatedMinusLocal),
    `${digits(row.federatedMinusLocalMean)} (${row.sitesWithAuroc} sites)`,
    met(row.withinTarget.firstSplit),
    ...(splits > 1
      ? [
          over(row.overSplits.federatedMinusPooled),
          over(row.overSplits.federatedMinusLocal),
          over(row.overSplits.federatedMinusLocalMean),
          met(row.withinTarget.overSplits),
        ]
      : []),
  ],
  method: () =>
    'Intervals: bootstrap over test patients. Target: federated at most 0.01 behind pooled. ±: standard error over splits of the same patients.',
  seconds: (seconds: number) => `${seconds.toFixed(0)} s`,
} as const
